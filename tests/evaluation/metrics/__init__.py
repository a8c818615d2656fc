"""Tests of the metrics, one a file."""
