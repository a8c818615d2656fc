"""Tests of headrace.orchestration.exporters."""
