"""Tests of headrace.model."""
