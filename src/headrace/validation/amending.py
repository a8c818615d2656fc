"""Amending a schema: what a person says is right of a finding, written into the schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.dataset.nested import with_fields
from headrace.dataset.types import common_type
from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import canonical_array
from headrace.schema import Feature, Schema, kind_of
from headrace.validation._contract import Item
from headrace.validation._rows import plain_value, without_roles

__all__ = ["AMENDABLE", "amend", "met_values"]


def amend(schema: Schema, item: Item, dataset: Dataset) -> Schema:
    """The schema, changed by the least that makes this finding none; the data set is the one it was found in.

    A text's domain takes in the values met, a range or a length what lies outside, `min_present` falls to the share
    present (rounded down to a hundredth), a kind becomes what was delivered, a missing column leaves, a new one joins
    with its kind alone; uniqueness and order are no longer asked for. A pattern, limits of figures and free checks are
    a person's to change.

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
    if item.code not in ("new_column", "unique") and item.feature not in schema:
        raise UnknownName("feature", item.feature, [feature.name for feature in schema.features], where="schema")
    return change(schema, item.feature, dataset)


def _column(dataset: Dataset, name: str) -> list[pa.Array]:
    """The column, span by span, in its canonical type; spans without it are left out."""
    bare = without_roles(dataset)
    found = []
    for span in bare.spans:
        if name in with_fields(span.arrow_schema, [name]).names:
            alone = bare.select_spans([span.name])
            found += [
                canonical_array(rows.batch.column(0), name=name)
                for part in alone.parts()
                for rows in alone.read(part, [name])
            ]
    return found


def met_values(dataset: Dataset, name: str) -> set[str]:
    """The distinct texts of a column, nulls and what is not UTF-8 left out. Cost: reading it."""
    found: set[str] = set()
    for array in _column(dataset, name):
        for value in pc.unique(array):
            plain = plain_value(value)
            if isinstance(plain, str) and value.as_buffer().to_pybytes() == plain.encode():
                found.add(plain)
    return found


def _domain(schema: Schema, name: str, dataset: Dataset) -> Schema:
    """What is new comes after what a person wrote, whose order means something to them; a sorted list stays sorted."""
    known = schema.domain_of(name) or ()
    values = (*known, *sorted(met_values(dataset, name) - set(known)))
    return schema.with_domain(name, tuple(sorted(values)) if list(known) == sorted(known) else values)


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
    return schema.with_feature(replace(feature, min=low, max=high))


def _presence(schema: Schema, name: str, dataset: Dataset) -> Schema:
    arrays = _column(dataset, name)
    num_rows = sum(len(array) for array in arrays)
    present = num_rows - sum(array.null_count for array in arrays)
    share = 100 * present // num_rows / 100 if num_rows else 0.0
    return schema.with_feature(replace(schema[name], min_present=min(schema[name].min_present, share)))


def _infinite(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return schema.with_feature(replace(schema[name], allow_infinite=True))


def _length(schema: Schema, name: str, dataset: Dataset) -> Schema:
    feature = schema[name]
    is_text = feature.kind == "text"
    lengths = [(pc.utf8_length if is_text else pc.binary_length)(array) for array in _column(dataset, name)]
    return schema.with_feature(_stretched(feature, "length", lengths))


def _valency(schema: Schema, name: str, dataset: Dataset) -> Schema:
    lengths = [pc.list_value_length(array) for array in _column(dataset, name)]
    return schema.with_feature(_stretched(schema[name], "values", lengths))


def _stretched(feature: Feature, what: str, lengths: list[pa.Array]) -> Feature:
    """The feature, its limits of lengths as wide as these need them."""
    low, high = getattr(feature, f"min_{what}"), getattr(feature, f"max_{what}")
    for array in lengths:
        ends = pc.min_max(array).as_py()
        if ends["min"] is not None:
            low = None if low is None else min(low, ends["min"])
            high = None if high is None else max(high, ends["max"])
    return replace(feature, **{f"min_{what}": low, f"max_{what}": high})


def _unique(schema: Schema, name: str, dataset: Dataset) -> Schema:
    if name in schema:
        return schema.with_feature(replace(schema[name], is_unique=False))
    unique = tuple(columns for columns in schema.dataset.unique if ",".join(columns) != name)
    return replace(schema, dataset=replace(schema.dataset, unique=unique))


def _order(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return schema.with_feature(replace(schema[name], order=None))


def _nan(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return schema.with_feature(replace(schema[name], allow_nan=True))


def _kind(schema: Schema, name: str, dataset: Dataset) -> Schema:
    """What the old kind could say of values goes; what is said of any column stays."""
    feature, old = _described(name, dataset), schema[name]
    kept = {key: getattr(old, key) for key in ("min_present", "not_in", "min_present_in", "stage", "severity", "role")}
    return schema.with_feature(replace(feature, **kept, is_sensitive=old.is_sensitive))


def _described(name: str, dataset: Dataset) -> Feature:
    shapes = [with_fields(span.arrow_schema, [name]) for span in dataset.spans]
    types = [shape.field(name).type for shape in shapes if name in shape.names]
    common = common_type(types)
    if common is None:
        shown = ", ".join(dict.fromkeys(map(str, types)))
        raise InvalidInput(f"column {name!r} is {shown}: no one kind holds them", fix="put the data right")
    return Feature(name, kind_of(common))


def _missing(schema: Schema, name: str, dataset: Dataset) -> Schema:
    """A column that is gone takes the checks and sets of columns that name it along."""
    unique = tuple(columns for columns in schema.dataset.unique if name not in columns)
    return replace(
        schema,
        features=tuple(item for item in schema.features if item.name != name),
        checks=tuple(check for check in schema.checks if name not in check.condition.columns),
        dataset=replace(schema.dataset, unique=unique),
    )


def _new(schema: Schema, name: str, dataset: Dataset) -> Schema:
    return schema if name in schema else replace(schema, features=(*schema.features, _described(name, dataset)))


_CHANGES: dict[str, Callable[[Schema, str, Dataset], Schema]] = {
    "domain": _domain,
    "infinite": _infinite,
    "length": _length,
    "missing_column": _missing,
    "nan": _nan,
    "order": _order,
    "new_column": _new,
    "presence": _presence,
    "range": _range,
    "type": _kind,
    "unique": _unique,
    "valency": _valency,
}
# The codes of findings that a change of the schema can answer.
AMENDABLE = frozenset(_CHANGES)
