"""A column the data have and the schema does not."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.dataset.nested import names_with_fields
from headrace.schema import kind_of
from headrace.validation._contract import Check, Context, Item, kinds_named, spans_named

__all__ = ["NewColumn"]


class NewColumn(Check):
    """A column that nobody has described is judged by no check: a warning, because nothing yet reads it.

    `value` is the kind found. A column that the schema knows in another environment is not new. So is a field of a
    struct of which other fields are described. Cost: no row is read.
    """

    code = "new_column"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each new column, in the order they appear."""
        spans = context.dataset.spans
        described = {context.schema.path_of(name)[0] for name in context.known if len(context.schema.path_of(name)) > 1}
        for name in names_with_fields(span.arrow_schema for span in spans):
            is_field = not any(name in span.arrow_schema.names for span in spans)
            if name in context.known or (is_field and not any(name.startswith(f"{one}.") for one in described)):
                continue
            having = context.spans_with(name)
            types = [data_type for _, data_type in having]
            where = spans_named([span for span, _ in having], len(spans))
            message = f"column {name!r}, {kinds_named(types)}, in {where} is not in the schema; nothing checks it"
            yield Item(self.code, name, None, "warning", kind_of(types[0]), None, message)
