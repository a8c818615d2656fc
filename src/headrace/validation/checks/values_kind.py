"""Lists whose values are of another kind, or columns that are no lists."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from headrace.schema import kind_of
from headrace.validation._contract import Check, Context, Item, spans_named

__all__ = ["ValuesKind"]


class ValuesKind(Check):
    """A column of which the schema says `values_kind`, or how many values a row holds, must be a list of that kind.

    An error. `value` is the type found, `threshold` the kind asked for. Cost: no row is read.
    """

    code = "values_kind"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column that is no list, or one of something else."""
        num_spans = len(context.dataset.spans)
        for feature in context.schema.features:
            asked = feature.values_kind
            if asked is None and feature.min_values is None and feature.max_values is None:
                continue
            wrong = []
            for span, data_type in context.spans_with(feature.name):
                if not pa.types.is_null(data_type) and not _is_right(data_type, asked):
                    wrong.append((span, data_type))
            if wrong:
                found = ", ".join(dict.fromkeys(str(item) for _, item in wrong))
                where = spans_named([span for span, _ in wrong], num_spans)
                wanted = "a list" if asked is None else f"a list of {asked}"
                message = f"column {feature.name!r} is {found} in {where}; the schema says {wanted}"
                yield Item(self.code, feature.name, None, "error", found, asked or "a list", message)


def _is_right(data_type: pa.DataType, asked: str | None) -> bool:
    types = pa.types
    if not (types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type)):
        return False
    kind = kind_of(data_type.value_type)
    return asked is None or kind in (asked, "null") or (kind == "integer" and asked == "number")
