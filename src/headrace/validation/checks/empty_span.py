"""A span without a row."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.validation._contract import Check, Context, Item, spans_named

__all__ = ["EmptySpan"]


class EmptySpan(Check):
    """A span that was delivered and has no rows is more often a fault than a quiet month: a warning.

    It is a warning because nothing wrong can be learned from no rows. A data set that has none at all is another
    finding (`no_rows`). `value` is the number of empty spans, `threshold` 0. Cost: no row is read.
    """

    code = "empty_span"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item when some spans are empty and others are not."""
        dataset, spans = context.dataset, context.dataset.spans
        empty = [
            span for span in spans if not any(dataset.expected_rows(part) for part in dataset.parts(None, [span.name]))
        ]
        if empty and len(empty) < len(spans):
            has = "have" if len(empty) > 1 else "has"
            message = f"{spans_named(empty, len(spans))} {has} no rows: was the file delivered whole?"
            yield Item(self.code, None, None, "warning", len(empty), 0, message)
