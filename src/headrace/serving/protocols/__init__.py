"""Protocols: what clients speak, one file each, found by name."""
