"""Tests of headrace.slicing."""
