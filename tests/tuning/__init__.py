"""Tests of headrace.tuning."""
