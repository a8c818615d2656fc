"""Tests of headrace.dataset."""
