"""A column whose values are of another kind than the schema says, or of another type in another span."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.dataset import Span
from headrace.schema import kind_of
from headrace.validation._contract import Check, Context, Item, kinds_named, spans_named

__all__ = ["Type"]


class Type(Check):
    """Each span's Arrow type of a column must be of the feature's kind, and the same in all spans: an error.

    `value` is what was found, `threshold` the kind asked for; the message names spans and types. Rows of a span of
    another kind are not judged further in that column. Cost: no row is read.
    """

    code = "type"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column of another kind anywhere, or of one kind in several types."""
        num_spans = len(context.dataset.spans)
        for feature in context.schema.features:
            having = context.spans_with(feature.name)
            wrong = [(span, item) for span, item in having if kind_of(item) != feature.kind]
            if wrong:
                types = [data_type for _, data_type in wrong]
                where = spans_named([span for span, _ in wrong], num_spans)
                asked = f"; the schema says {feature.kind}"
                found = ", ".join(dict.fromkeys(kind_of(item) for item in types))
                message = f"column {feature.name!r} is {kinds_named(types)} in {where}{asked}"
                yield Item(self.code, feature.name, None, "error", found, feature.kind, message)
            elif len({item for _, item in having}) > 1:
                by_type: dict[str, list[Span]] = {}
                for span, item in having:
                    by_type.setdefault(str(item), []).append(span)
                parts = " but ".join(f"{item} in {spans_named(spans, num_spans)}" for item, spans in by_type.items())
                message = f"column {feature.name!r} is {parts}; all spans must have one type"
                yield Item(self.code, feature.name, None, "error", ", ".join(by_type), feature.kind, message)
