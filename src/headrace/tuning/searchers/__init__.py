"""Searchers, one file each; the file's stem is the name users type."""
