"""Checks: one file each, found by name; the contract is `headrace.validation.Check`."""
