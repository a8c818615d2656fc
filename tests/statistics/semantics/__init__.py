"""Tests of semantic types."""
