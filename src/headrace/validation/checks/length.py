"""Texts and bytes that are too short or too long."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["Length"]


class Length(RowCheck):
    """A text must have `min_length` to `max_length` characters (code points), binary so many bytes: an error.

    `value` is the share of rows outside, `threshold` the share tolerated. A null is never at fault. Bytes that are not
    UTF-8 count one character for each that begins none.
    """

    code = "length"

    def applies(self, feature: Feature) -> bool:
        """Where the schema gives an end."""
        return feature.min_length is not None or feature.max_length is not None

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Values too short or too long; none of a column that has no lengths."""
        if pa.types.is_dictionary(values.type):
            return pc.fill_null(self.at_fault(feature, values.dictionary).take(values.indices), False)
        is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        is_binary = pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
        if not is_text and not is_binary:
            return pa.array([False] * len(values), pa.bool_())
        lengths = pc.utf8_length(values) if is_text else pc.binary_length(values)
        outside = pa.repeat(pa.scalar(False), len(values))
        for limit, compare in ((feature.min_length, pc.less), (feature.max_length, pc.greater)):
            if limit is not None:
                outside = pc.or_(outside, pc.fill_null(compare(lengths, pa.scalar(limit, pa.int64())), False))
        return outside

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """The statistics hold the shortest and the longest, of texts that are UTF-8."""
        low, high = statistics.min_length, statistics.max_length
        if low is None or high is None or statistics.num_invalid_utf8:
            return False
        return (feature.min_length is None or low >= feature.min_length) and (
            feature.max_length is None or high <= feature.max_length
        )

    def item(self, feature: Feature, found: Found) -> Item:
        """The share outside, with some of the values met."""
        met = dict.fromkeys(repr(str(row.value)[:40]) for row in found.examples if row.value is not None)
        asked = " and ".join(
            f"{word} {limit:,}"
            for word, limit in (("at least", feature.min_length), ("at most", feature.max_length))
            if limit is not None
        )
        message = (
            f"column {feature.name!r} is too short or too long in {found.num_at_fault:,} of {found.num_rows:,} rows"
            + (f": {', '.join(list(met)[:5])}" if met else "")
            + f"; the schema asks for {asked} {'characters' if feature.kind == 'text' else 'bytes'}"
        )
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)
