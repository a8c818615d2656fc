"""Slice: rows that share the values of some columns, and the specs that ask for them."""

from headrace.slicing.specs import SliceSpec, parse_slices, slice_name

__all__ = ["SliceSpec", "parse_slices", "slice_name"]
