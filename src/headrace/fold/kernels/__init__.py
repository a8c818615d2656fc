"""Kernels: the inner loops of folds, in NumPy and Arrow, free of any state."""
