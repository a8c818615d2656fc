"""The sources: one file each, found by name."""
