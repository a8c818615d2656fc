"""Tests of headrace.training."""
