"""Tests of headrace.adapters.beam."""
