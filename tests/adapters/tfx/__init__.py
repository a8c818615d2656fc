"""The adapter of TFX."""
