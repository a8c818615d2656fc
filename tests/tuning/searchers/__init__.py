"""Tests of the searchers, one file each."""
