"""Tests of headrace.adapters.xgboost."""
