"""Tests of headrace.proposal."""
