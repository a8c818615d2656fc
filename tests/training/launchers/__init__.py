"""Tests of the launchers, one file each."""
