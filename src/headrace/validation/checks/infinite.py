"""Infinities where the schema does not allow them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["Infinite"]


class Infinite(RowCheck):
    """A number must not be infinite where `allow_infinite` is false: an error.

    `value` is the share of rows that are, `threshold` the share tolerated.
    """

    code = "infinite"

    def applies(self, feature: Feature) -> bool:
        """Where infinities are not allowed."""
        return not feature.allow_infinite

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Values that are infinite, of either sign."""
        return pc.fill_null(pc.is_inf(values), False)

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """The statistics count them."""
        return bool(statistics.num_infinite == 0)

    def item(self, feature: Feature, found: Found) -> Item:
        """The share that is infinite."""
        message = f"column {feature.name!r} is infinite in {found.num_at_fault:,} of {found.num_rows:,} rows"
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)
