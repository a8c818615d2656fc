"""Examples, run whole."""
