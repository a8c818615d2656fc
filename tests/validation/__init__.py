"""Tests of headrace.validation."""
