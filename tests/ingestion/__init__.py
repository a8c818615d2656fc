"""Tests of headrace.ingestion."""
