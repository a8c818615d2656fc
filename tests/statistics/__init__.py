"""Tests of headrace.statistics."""
