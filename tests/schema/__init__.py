"""Tests of headrace.schema."""
