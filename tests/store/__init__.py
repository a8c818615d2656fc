"""Tests of headrace.store."""
