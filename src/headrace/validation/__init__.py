"""Validation: whether data are what their schema says, and what they may be used for."""

from headrace.validation._contract import (
    Check,
    Context,
    Example,
    Found,
    Item,
    Measurement,
    RowCheck,
    Severity,
    TableCheck,
)
from headrace.validation._validate import validate
from headrace.validation._validation import Validation
from headrace.validation.comparison import Comparison, compare_statistics
from headrace.validation.inference import infer_schema
from headrace.validation.waivers import Waiver

__all__ = [
    "Check",
    "Comparison",
    "Context",
    "Example",
    "Found",
    "Item",
    "Measurement",
    "RowCheck",
    "Severity",
    "TableCheck",
    "Validation",
    "Waiver",
    "compare_statistics",
    "infer_schema",
    "validate",
]
