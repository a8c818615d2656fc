"""Nulls beyond the share the schema allows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature
from headrace.statistics import FeatureStatistics
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["Presence"]


class Presence(RowCheck):
    """The share of rows that are not null must be at least `min_present`: an error.

    `value` is the share present, `threshold` is `min_present`. Quarantine takes null rows only where no null is
    allowed. A null label is no error; `validate` counts it.
    """

    code = "presence"

    def applies(self, feature: Feature) -> bool:
        """Where some share must be present."""
        return feature.min_present > 0.0

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Nulls; in a dictionary column also those that point at a null."""
        return pc.is_null(values.dictionary_decode() if _hides_nulls(values) else values)

    def is_wrong(self, feature: Feature, num_at_fault: int, num_rows: int) -> bool:
        """More nulls than the schema allows; no rows lack nothing."""
        return num_rows > 0 and (num_rows - num_at_fault) / num_rows < feature.min_present

    def is_clean(self, feature: Feature, statistics: FeatureStatistics) -> bool:
        """The statistics count the nulls."""
        return not self.is_wrong(feature, statistics.num_missing, statistics.num_rows)

    def sets_aside(self, feature: Feature) -> bool:
        """Where a share may be null, no single null is at fault."""
        return not feature.is_nullable

    def item(self, feature: Feature, found: Found) -> Item:
        """The share present, against the share demanded."""
        present = (found.num_rows - found.num_at_fault) / found.num_rows
        message = (
            f"column {feature.name!r} is null in {found.num_at_fault:,} of {found.num_rows:,} rows: "
            f"{present:.6g} present, the schema asks for {feature.min_present:.6g}"
        )
        return Item(self.code, feature.name, None, "error", present, feature.min_present, message, found.examples)


def _hides_nulls(values: pa.Array) -> bool:
    return bool(pa.types.is_dictionary(values.type) and values.dictionary.null_count > 0)
