"""Policies: one file each, found by name; the contract is `headrace.routing.Policy`."""
