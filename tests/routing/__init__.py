"""Tests of headrace.routing."""
