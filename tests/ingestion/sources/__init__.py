"""Tests of headrace.ingestion.sources."""
