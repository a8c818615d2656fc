"""Texts whose bytes are no UTF-8."""

from __future__ import annotations

import pyarrow as pa

from headrace.schema import Feature
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["InvalidUtf8"]


class InvalidUtf8(RowCheck):
    """Where the schema speaks of characters (a domain, a pattern, lengths), a text must be UTF-8: an error.

    Such bytes match no pattern reliably, and no listed value. `value` is the share of rows, `threshold` the share
    tolerated. Cost: one look at the bytes; a row by row search only where a batch has some.
    """

    code = "invalid_utf8"

    def applies(self, feature: Feature) -> bool:
        """To texts that the schema says more of than their kind."""
        speaks = (feature.domain, feature.pattern, feature.min_length, feature.max_length)
        return feature.kind == "text" and speaks != (None, None, None, None)

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Texts that do not decode."""
        if pa.types.is_dictionary(values.type):
            return _filled(self.at_fault(feature, values.dictionary).take(values.indices))
        try:
            values.validate(full=True)
        except pa.ArrowInvalid:
            return pa.array([value.is_valid and not _decodes(value) for value in values], pa.bool_())
        return pa.repeat(pa.scalar(False), len(values))

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """The statistics count them."""
        return bool(statistics.num_invalid_utf8 == 0)

    def item(self, feature: Feature, found: Found) -> Item:
        """The share that does not decode."""
        met = dict.fromkeys(repr(str(row.value)[:40]) for row in found.examples if row.value is not None)
        message = (
            f"column {feature.name!r} is not UTF-8 in {found.num_at_fault:,} of {found.num_rows:,} rows"
            + (f": {', '.join(list(met)[:5])}" if met else "")
            + "; decode it where it is read, from the encoding that it is in"
        )
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)


def _decodes(value: pa.Scalar) -> bool:
    try:
        value.as_buffer().to_pybytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _filled(mask: pa.Array) -> pa.BooleanArray:
    import pyarrow.compute as pc

    return pc.fill_null(mask, False)
