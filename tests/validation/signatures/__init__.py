"""Tests of headrace.validation.signatures."""
