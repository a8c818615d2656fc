"""Lists whose values are of another kind."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from headrace.schema import kind_of
from headrace.validation._contract import Check, Context, Item, spans_named

__all__ = ["ValuesKind"]


class ValuesKind(Check):
    """The values of a list must be of the feature's `values_kind`.

    An error, as long as the column is a list: what is none is for `type` to say. `value` is the type found, `threshold`
    the kind asked for. Cost: no row is read.
    """

    code = "values_kind"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column that is a list of something else."""
        num_spans = len(context.dataset.spans)
        for feature in context.schema.features:
            asked = feature.values_kind
            if asked is None:
                continue
            wrong = []
            for span, data_type in context.spans_with(feature.name):
                if not pa.types.is_null(data_type) and not _is_right(data_type, asked):
                    wrong.append((span, data_type))
            if wrong:
                found = ", ".join(dict.fromkeys(str(item) for _, item in wrong))
                where = spans_named([span for span, _ in wrong], num_spans)
                message = f"column {feature.name!r} is {found} in {where}; the schema says a list of {asked}"
                yield Item(self.code, feature.name, None, "error", found, asked, message)


def _is_right(data_type: pa.DataType, asked: str) -> bool:
    if kind_of(data_type) != "list":
        return True
    if pa.types.is_map(data_type):
        return asked == "struct"
    kind = kind_of(data_type.value_type)
    return kind in (asked, "null") or (kind == "integer" and asked == "number")
