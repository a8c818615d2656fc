"""Tests of serving: real servers."""
