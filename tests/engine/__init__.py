"""Tests of headrace.engine."""
