"""Trainers that need nothing beyond the core, one file each."""
