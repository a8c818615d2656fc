"""Tests of headrace.report."""
