"""Tests of headrace.rules."""
