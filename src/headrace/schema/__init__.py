"""Schema: what rows must look like."""

from headrace.kinds import KINDS, Kind, arrow_type, canonical_array, kind_of
from headrace.schema._feature import Feature
from headrace.schema._schema import Schema
from headrace.schema.dataset_limits import DatasetLimits, FreeCheck
from headrace.schema.moments import format_moment, parse_moment

__all__ = [
    "KINDS",
    "DatasetLimits",
    "Feature",
    "FreeCheck",
    "Kind",
    "Schema",
    "arrow_type",
    "canonical_array",
    "format_moment",
    "kind_of",
    "parse_moment",
]
