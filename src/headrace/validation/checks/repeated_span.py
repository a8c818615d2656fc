"""The same rows delivered twice, under two names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from headrace.dataset import Dataset, Span
from headrace.dataset.manifest import part_name
from headrace.validation._contract import Check, Context, Item, spans_named

__all__ = ["RepeatedSpan"]

MIN_ROWS = 20


class RepeatedSpan(Check):
    """Two spans of the same rows would count everything in them twice: an error, naming them.

    Spans of fewer than 20 rows may be alike by chance and are not compared; nor are spans that share only some rows,
    nor those whose digests nobody has asked for yet (in a pipeline all are known). `value` is the number of spans that
    repeat another, `threshold` 0. Cost: no row is read.
    """

    code = "repeated_span"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each group of equal spans."""
        dataset = context.dataset
        same: dict[object, list[Span]] = defaultdict(list)
        for span in dataset.spans:
            rows = _rows_of(dataset, span)
            if rows is not None:
                same[rows].append(span)
        for spans in same.values():
            if len(spans) > 1:
                names = spans_named(spans, len(dataset.spans))
                message = f"{names} hold the same rows: all would count {len(spans)} times; keep one of the files"
                yield Item(self.code, None, None, "error", len(spans) - 1, 0, message)


def _rows_of(dataset: Dataset, span: Span) -> object:
    """What identifies a span's rows: the artifacts they lie in, else the digests of its splits; None where unknown."""
    if sum(dataset.expected_rows(part) or 0 for part in dataset.parts(None, [span.name])) < MIN_ROWS:
        return None
    locators = tuple(fragment.locator for fragment in span.fragments)
    if all(locator.startswith("../") for locator in locators):
        return locators
    known = dataset.known_summary.digests
    digests = tuple(known.get(part_name(span.name, split)) for split in dataset.split_names)
    return None if None in digests else digests
