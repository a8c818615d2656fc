"""Amending a schema: what a person says is right of a finding, written into the schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.dataset.types import common_type
from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import canonical_array
from headrace.schema import Feature, Schema, kind_of
from headrace.validation._contract import Item
from headrace.validation._rows import without_roles

__all__ = ["AMENDABLE", "amend"]


def amend(schema: Schema, item: Item, dataset: Dataset) -> Schema:
    """The schema, changed by the least that makes this finding none; the data set is the one it was found in.

    A text's domain takes in the values met, a range what lies outside, `min_present` falls to the share present
    (rounded down to a hundredth), a kind becomes what was delivered, a missing column leaves, a new one joins with its
    kind alone.

    Raises InvalidInput for a finding that is not about the schema (drift, a span delivered twice).

    >>> data = Dataset.from_arrow(pa.table({"carrier": ["AA", "ZZ", None]}))
    >>> item = Item("domain", "carrier", None, "error", 0.3, 0.0, "...")
    >>> amend(Schema((Feature("carrier", "text", domain=("AA", "UA")),)), item, data)["carrier"].domain
    ('AA', 'UA', 'ZZ')

    Cost: reading one column.
    """
    change = _CHANGES.get(item.code)
    if change is None or item.feature is None:
        raise InvalidInput(
            f"{item.name} is not about the schema",
            expected=f"a finding of {', '.join(sorted(AMENDABLE))}",
            fix="put the data right, or let it pass: headrace run ... --waive",
        )
    if item.code != "new_column" and item.feature not in schema:
        raise UnknownName("feature", item.feature, [feature.name for feature in schema.features], where="schema")
    return change(schema, item.feature, dataset)


def _column(dataset: Dataset, name: str) -> list[pa.Array]:
    """The column, span by span, in its canonical type; spans without it are left out."""
    bare = without_roles(dataset)
    found = []
    for span in bare.spans:
        if name in span.arrow_schema.names:
            alone = bare.select_spans([span.name])
            found += [
                canonical_array(rows.batch.column(0), name=name)
                for part in alone.parts()
                for rows in alone.read(part, [name])
            ]
    return found


def _with(schema: Schema, feature: Feature) -> Schema:
    features = tuple(feature if item.name == feature.name else item for item in schema.features)
    return replace(schema, features=features)


def _domain(schema: Schema, name: str, dataset: Dataset) -> Schema:
    values = {value for array in _column(dataset, name) for value in pc.unique(array).to_pylist() if value is not None}
    return _with(schema, replace(schema[name], domain=tuple(sorted({*(schema[name].domain or ()), *values}))))


def _range(schema: Schema, name: str, dataset: Dataset) -> Schema:
    feature = schema[name]
    low, high = feature.min, feature.max
    for array in _column(dataset, name):
        values = array.cast(pa.int64()) if pa.types.is_timestamp(array.type) else array
        values = values.filter(pc.is_finite(values)) if pa.types.is_floating(values.type) else values
        ends = pc.min_max(values).as_py()
        if ends["min"] is not None:
            low = None if low is None else min(low, ends["min"])
            high = None if high is None else max(high, ends["max"])
    return _with(schema, replace(feature, min=low, max=high))


def _presence(schema: Schema, name: str, dataset: Dataset) -> Schema:
    arrays = _column(dataset, name)
    num_rows = sum(len(array) for array in arrays)
    present = num_rows - sum(array.null_count for array in arrays)
    share = 100 * present // num_rows / 100 if num_rows else 0.0
    return _with(schema, replace(schema[name], min_present=min(schema[name].min_present, share)))


def _nan(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return _with(schema, replace(schema[name], allow_nan=True))


def _kind(schema: Schema, name: str, dataset: Dataset) -> Schema:
    feature = _described(name, dataset)
    old = schema[name]
    return _with(schema, replace(feature, min_present=old.min_present, not_in=old.not_in))


def _described(name: str, dataset: Dataset) -> Feature:
    types = [span.arrow_schema.field(name).type for span in dataset.spans if name in span.arrow_schema.names]
    common = common_type(types)
    if common is None:
        shown = ", ".join(dict.fromkeys(map(str, types)))
        raise InvalidInput(f"column {name!r} is {shown}: no one kind holds them", fix="put the data right")
    return Feature(name, kind_of(common))


def _missing(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return replace(schema, features=tuple(item for item in schema.features if item.name != name))


def _new(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return schema if name in schema else replace(schema, features=(*schema.features, _described(name, dataset)))


_CHANGES: dict[str, Callable[[Schema, str, Dataset], Schema]] = {
    "domain": _domain,
    "missing_column": _missing,
    "nan": _nan,
    "new_column": _new,
    "presence": _presence,
    "range": _range,
    "type": _kind,
}
# The codes of findings that a change of the schema can answer.
AMENDABLE = frozenset(_CHANGES)
