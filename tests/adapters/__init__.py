"""Tests of headrace.adapters."""
