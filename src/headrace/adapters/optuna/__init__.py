"""Optuna: its samplers as a searcher."""
