"""Numbers and moments outside the range the schema gives."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature, format_moment
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["Range"]


class Range(RowCheck):
    """A number, integer or timestamp must lie from `min` to `max`, both included: an error.

    `value` is the share of rows outside, `threshold` 0. Nulls and NaN are never outside (`presence` and `nan` speak of
    them); an infinity is outside any range that ends on its side.
    """

    code = "range"

    def applies(self, feature: Feature) -> bool:
        """Where the schema gives an end."""
        return feature.min is not None or feature.max is not None

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Values below the minimum or above the maximum."""
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        outside = None
        for limit, compare in ((feature.min, pc.less), (feature.max, pc.greater)):
            if limit is not None:
                beyond = compare(values, pa.scalar(limit, values.type))
                outside = beyond if outside is None else pc.or_(outside, beyond)
        return pc.fill_null(outside, False)

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """The statistics hold the least and the greatest value."""
        low, high = statistics.min, statistics.max
        if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
            return False
        if statistics.num_infinite:  # the least and the greatest are those of the finite values
            return False
        return (feature.min is None or low >= feature.min) and (feature.max is None or high <= feature.max)

    def item(self, feature: Feature, found: Found) -> Item:
        """The share outside, with some of the values met."""
        met = dict.fromkeys(str(row.value) for row in found.examples if row.value is not None)
        allowed = " and ".join(
            f"{word} {_shown(limit, feature)}"
            for word, limit in (("at least", feature.min), ("at most", feature.max))
            if limit is not None
        )
        message = (
            f"column {feature.name!r} is out of range in {found.num_at_fault:,} of {found.num_rows:,} rows"
            + (f": {', '.join(list(met)[:5])}" if met else "")
            + f"; the schema asks for {allowed}"
        )
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)


def _shown(limit: float | int, feature: Feature) -> str:
    """A limit as people write it."""
    return (format_moment(int(limit)) if feature.kind == "timestamp" else None) or str(limit)
