"""Tests of headrace.evaluation."""
