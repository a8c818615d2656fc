"""A column the schema has and a span lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.dataset import Span
from headrace.schema import Feature, kind_of
from headrace.validation._contract import Check, Context, Item, spans_named

__all__ = ["MissingColumn"]


class MissingColumn(Check):
    """Every feature of the environment must be a column of every span: an error, naming the spans.

    `value` is the number of spans that lack it, `threshold` 0. Cost: no row is read.
    """

    code = "missing_column"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column missing anywhere."""
        spans = context.dataset.spans
        for feature in context.schema.features:
            there = {span.name for span, _ in context.spans_with(feature.name)}
            lacking = [span for span in spans if span.name not in there]
            if lacking:
                message = f"column {feature.name!r} is missing in {spans_named(lacking, len(spans))}"
                message += _advice(context, feature, lacking)
                yield Item(self.code, feature.name, None, "error", len(lacking), 0, message)


def _advice(context: Context, feature: Feature, lacking: Sequence[Span]) -> str:
    """What to do where one new column of the same kind stands in its place: it may have another name now."""
    new = {
        item.name
        for span in lacking
        for item in span.arrow_schema
        if item.name not in context.known and kind_of(item.type) == feature.kind
    }
    if len(new) != 1:
        return "; deliver it, or take it out of the schema"
    (name,) = new
    return f"; if {name!r}, which is new there, is the same: hr.ingest(..., rename={{{name!r}: {feature.name!r}}})"
