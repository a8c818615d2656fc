"""A column the data have and the schema does not."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.schema import kind_of
from headrace.validation._contract import Check, Context, Item, kinds_named, spans_named

__all__ = ["NewColumn"]


class NewColumn(Check):
    """A column that nobody has described is judged by no check: a warning, because nothing yet reads it.

    `value` is the kind found. A column that the schema knows in another environment is not new. Cost: no row is read.
    """

    code = "new_column"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each new column, in the order they appear."""
        spans = context.dataset.spans
        names = dict.fromkeys(name for span in spans for name in span.arrow_schema.names)
        for name in names:
            if name in context.known:
                continue
            having = context.spans_with(name)
            types = [data_type for _, data_type in having]
            where = spans_named([span for span, _ in having], len(spans))
            message = f"column {name!r}, {kinds_named(types)}, in {where} is not in the schema; nothing checks it"
            yield Item(self.code, name, None, "warning", kind_of(types[0]), None, message)
