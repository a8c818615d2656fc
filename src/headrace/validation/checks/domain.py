"""Texts outside the values the schema lists."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck, Severity

__all__ = ["Domain"]


class Domain(RowCheck):
    """A text must be one of its domain's values: an error, showing some that are not.

    `value` is the share of rows outside, `threshold` the share tolerated. By the feature's `new_values` it is an
    error, or a warning and the value joins the domain that the accepted data carry, or the row is set aside. A null is
    never outside. Cost: one look-up a distinct value where the column is dictionary-encoded, else one a row.
    """

    code = "domain"

    def applies(self, feature: Feature) -> bool:
        """Where the schema lists values."""
        return feature.domain is not None

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Texts that are not listed."""
        if pa.types.is_dictionary(values.type):
            # `take` with the codes: null codes give null, which is at no fault.
            return pc.fill_null(self.at_fault(feature, values.dictionary).take(values.indices), False)
        listed = pc.is_in(values, value_set=pa.array(feature.domain, values.type))
        return pc.and_(pc.invert(listed), pc.is_valid(values))

    def sets_aside(self, feature: Feature) -> bool:
        """Not where new values join the domain."""
        return feature.new_values != "add" and super().sets_aside(feature)

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """Where the statistics hold every value there is."""
        values = [value for value, _ in statistics.top_values]
        return len(values) == statistics.num_distinct and set(values) <= set(feature.domain or ())

    def item(self, feature: Feature, found: Found) -> Item:
        """The share outside, with some of the values met."""
        met = dict.fromkeys(repr(row.value)[:80] for row in found.examples if row.value is not None)
        message = (
            f"column {feature.name!r} is outside its domain in {found.num_at_fault:,} of {found.num_rows:,} rows"
            + (f": {', '.join(list(met)[:5])}" if met else "")
            + f"; the schema lists {len(feature.domain or ())} values"
        )
        joins = feature.new_values == "add"
        message += "; what is new joins them (new_values: add)" if joins else ""
        severity: Severity = "warning" if joins else "error"
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, severity, found.share, threshold, message, found.examples)
