"""Slice: rows that share the values of some columns, and the specs that ask for them."""

from headrace.slicing.derived import Bins, Condition, Derived, parse_condition
from headrace.slicing.specs import SliceSpec, Written, parse_slices, slice_name

__all__ = ["Bins", "Condition", "Derived", "SliceSpec", "Written", "parse_condition", "parse_slices", "slice_name"]
