"""Lists of too few or too many values."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.kinds import kind_of
from headrace.schema import Feature
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["Valency"]


class Valency(RowCheck):
    """A list must hold `min_values` to `max_values` values, nulls among them counted: an error.

    `value` is the share of rows outside, `threshold` the share tolerated. A null row is never at fault; an empty list
    holds none. Cost: one look at the offsets.
    """

    code = "valency"

    def applies(self, feature: Feature) -> bool:
        """Where the schema gives an end."""
        return feature.min_values is not None or feature.max_values is not None

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Lists too short or too long; what is no list at all is another check's finding."""
        outside = pa.repeat(pa.scalar(False), len(values))
        if kind_of(values.type) != "list":
            return outside
        is_map = pa.types.is_map(values.type)  # Arrow counts all lists but these
        lengths = pc.pairwise_diff(values.offsets).slice(1) if is_map else pc.list_value_length(values)
        lengths = lengths.cast(pa.int64())
        for limit, compare in ((feature.min_values, pc.less), (feature.max_values, pc.greater)):
            if limit is not None:
                outside = pc.or_(outside, pc.fill_null(compare(lengths, pa.scalar(limit, pa.int64())), False))
        return pc.and_(outside, pc.is_valid(values))

    def item(self, feature: Feature, found: Found) -> Item:
        """The share outside."""
        asked = " and ".join(
            f"{word} {limit:,}"
            for word, limit in (("at least", feature.min_values), ("at most", feature.max_values))
            if limit is not None
        )
        message = (
            f"column {feature.name!r} holds too few or too many values in {found.num_at_fault:,} of "
            f"{found.num_rows:,} rows; the schema asks for {asked} in a row"
        )
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)
