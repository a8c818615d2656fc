"""Texts that are not of the form the schema gives."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from headrace.schema import Feature
from headrace.validation._contract import Found, Item, RowCheck

__all__ = ["Pattern"]


class Pattern(RowCheck):
    """A whole text must match `pattern`, a regular expression in RE2's syntax: an error, showing some that do not.

    `value` is the share of rows that do not match, `threshold` the share tolerated. A null is never at fault; `.` is
    any character, a newline too where the pattern says `(?s)`. Cost: linear in the text, by RE2; one look at each
    distinct value where the column is dictionary-encoded.
    """

    code = "pattern"

    def applies(self, feature: Feature) -> bool:
        """Where the schema gives a pattern."""
        return feature.pattern is not None

    def at_fault(self, feature: Feature, values: pa.Array) -> pa.BooleanArray:
        """Texts that do not match as a whole."""
        if pa.types.is_dictionary(values.type):
            return pc.fill_null(self.at_fault(feature, values.dictionary).take(values.indices), False)
        matched = pc.match_substring_regex(values, rf"\A(?:{feature.pattern})\z")
        return pc.fill_null(pc.invert(matched), False)

    def item(self, feature: Feature, found: Found) -> Item:
        """The share that does not match, with some of the values met."""
        met = dict.fromkeys(repr(row.value)[:80] for row in found.examples if row.value is not None)
        message = (
            f"column {feature.name!r} does not match {feature.pattern!r} in {found.num_at_fault:,} of "
            f"{found.num_rows:,} rows" + (f": {', '.join(list(met)[:5])}" if met else "")
        )
        threshold = feature.tolerated(self.code)
        return Item(self.code, feature.name, None, "error", found.share, threshold, message, found.examples)
