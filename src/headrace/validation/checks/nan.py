"""NaN where the schema does not allow it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["NaN"]


class NaN(RowCheck):
    """A number must not be NaN where `allow_nan` is false: an error.

    `value` is the share of rows that are NaN, `threshold` 0. A null is not NaN here; a model's graph sees both alike.
    """

    code = "nan"

    def applies(self, feature: Feature) -> bool:
        """Where NaN is not allowed."""
        return not feature.allow_nan

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Values that are NaN."""
        return pc.fill_null(pc.is_nan(values), False)

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """The statistics count NaN."""
        return bool(statistics.num_nan == 0)

    def item(self, feature: Feature, found: Found) -> Item:
        """The share that is NaN."""
        message = f"column {feature.name!r} is NaN in {found.num_at_fault:,} of {found.num_rows:,} rows"
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)
