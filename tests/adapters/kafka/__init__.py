"""The kafka extra."""
