"""Schema: what rows must look like."""

from headrace.schema._schema import Feature, Schema
from headrace.schema.kinds import KINDS, Kind, arrow_type, canonical_array, kind_of

__all__ = ["KINDS", "Feature", "Kind", "Schema", "arrow_type", "canonical_array", "kind_of"]
