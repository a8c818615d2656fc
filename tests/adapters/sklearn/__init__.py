"""Tests of headrace.adapters.sklearn."""
