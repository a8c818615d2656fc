"""The images extra."""
