"""Tests of headrace.adapters.grpc."""
