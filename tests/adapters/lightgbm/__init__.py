"""Tests of headrace.adapters.lightgbm."""
