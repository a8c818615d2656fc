"""Columns in another order than the schema's."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.validation._contract import Check, Context, Item, spans_named

__all__ = ["ColumnOrder"]


class ColumnOrder(Check):
    """Where the schema says `has_column_order`, its features must come in every span in its order: an error.

    Columns that are missing or new are other findings, and do not count here. headrace reads columns by name; this is
    for those that read the same files by place. `value` is the number of spans at fault, `threshold` 0. Cost: no row is
    read.
    """

    code = "column_order"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item that names the first column out of place."""
        if not context.schema.dataset.has_column_order:
            return
        names = [feature.name for feature in context.schema.features]
        spans = context.dataset.spans
        wrong, first = [], ""
        for span in spans:
            found = [name for name in span.arrow_schema.names if name in names]
            wanted = [name for name in names if name in found]
            if found != wanted:
                wrong.append(span)
                at, should = next((one, two) for one, two in zip(found, wanted, strict=True) if one != two)
                first = first or f"{at!r} stands where {should!r} should"
        if wrong:
            message = f"columns are in another order than the schema's in {spans_named(wrong, len(spans))}: {first}"
            yield Item(self.code, None, None, "error", len(wrong), 0, message)
