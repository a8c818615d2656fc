"""Tests of headrace.fold."""
