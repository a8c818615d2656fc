"""Kernels of ingestion: C through ctypes, in the one library of compiled kernels, each beside its twin in Python."""
