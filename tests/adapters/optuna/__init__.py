"""Tests of headrace.adapters.optuna."""
