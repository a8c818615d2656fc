"""A column whose values are of another kind than the schema says, or of another type in another span."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from headrace.dataset import Span
from headrace.dataset.types import common_type
from headrace.kinds import PLAIN_KINDS, Kind, kind_of
from headrace.validation._contract import Check, Context, Item, Strays, kinds_named, spans_named
from headrace.validation._strays import MOST

__all__ = ["Type"]


class Type(Check):
    """A column's values must be of the feature's kind, in types that can be read as one: else an error.

    Spans may differ in type where nothing is lost by it: integers of another width, moments of another zone or unit,
    whole numbers where the schema says number, a column without any value. That is a warning, and the message says as
    what they are read. `value` is what was found, `threshold` the kind asked for; the message names spans and types.
    Rows of a span of another kind are not judged further in that column. Where a column is text, the values that make
    it so are counted and shown, as far as the data are not written as text altogether. A span without a row, whose
    columns have no type that anybody chose, is another finding (`empty_span`). Cost: no row is read by it.
    """

    code = "type"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for each column whose types are not one, or not those of the feature's kind."""
        num_spans = len(context.dataset.spans)
        for feature in context.schema.features:
            having = [
                (span, item) for span, item in context.spans_with(feature.name) if not _is_void(context, span, item)
            ]
            types = dict.fromkeys(data_type for _, data_type in having)
            if not types:  # missing everywhere is another check's finding
                continue
            common = common_type(types)
            fits = common is not None and (_is_of(common, feature.kind) or types.keys() == {pa.null()})
            if len(types) < 2 and fits:
                continue
            by_type: dict[str, list[Span]] = {}
            for span, data_type in having:
                by_type.setdefault(str(data_type), []).append(span)
            parts = " but ".join(f"{item} in {spans_named(spans, num_spans)}" for item, spans in by_type.items())
            if fits:
                message = f"column {feature.name!r} is {parts}; it is read as {common}"
                yield Item(self.code, feature.name, None, "warning", ", ".join(by_type), feature.kind, message)
                continue
            wrong = [pair for pair in having if not _is_of(pair[1], feature.kind) and kind_of(pair[1]) != "null"]
            if common is None and len({kind_of(item) for item in types}) == 1:
                advice = _ZONES if feature.kind == "timestamp" else "; no one type can hold both: deliver one"
                message = f"column {feature.name!r} is {parts}{advice}"
            elif wrong:
                kinds = list(dict.fromkeys(kind_of(item) for _, item in wrong))
                where = spans_named([span for span, _ in wrong], num_spans)
                message = (
                    f"column {feature.name!r} is {kinds_named([item for _, item in wrong])} in {where}; "
                    f"the schema says {feature.kind}: deliver that, or change the schema to kind: {' or '.join(kinds)}"
                )
            strays = context.strays.get(feature.name)
            if strays is not None:
                message += f"; {_told(strays, feature.kind)}"
            found = ", ".join(dict.fromkeys(kind_of(item) for _, item in wrong)) or ", ".join(by_type)
            rows = () if strays is None else strays.examples
            yield Item(self.code, feature.name, None, "error", found, feature.kind, message, rows)


def _told(strays: Strays, kind: str) -> str:
    """How many values are of another kind, and the first of them."""
    first = strays.examples[0]
    shown = "a value" if first.value is None else repr(str(first.value)[:60])
    if strays.num_strays < MOST:
        are = "is" if strays.num_strays == 1 else "are"
        return f"{strays.num_strays} of {strays.num_values:,} values {are} no {kind}, the first {shown}"
    return f"{MOST} values and more are no {kind}, the first {shown}"


def _is_of(data_type: pa.DataType, kind: Kind) -> bool:
    """Whether a type is of a kind; a schema of before some kinds had a name calls them all other."""
    found = kind_of(data_type)
    return found == kind or (kind == "other" and found not in PLAIN_KINDS)


def _is_void(context: Context, span: Span, data_type: pa.DataType) -> bool:
    """Whether a column has no type because there is nothing in it: a file of a header alone."""
    parts = context.dataset.parts(None, [span.name])
    return data_type == pa.null() and not any(context.dataset.expected_rows(part) != 0 for part in parts)


_ZONES = "; moments without a zone do not say when they are: deliver them with one, such as UTC"
