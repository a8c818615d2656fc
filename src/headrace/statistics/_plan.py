"""What is counted of each column, and where the states of a feature lie among all states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headrace.fold import Distribution
from headrace.fold.weighted import WeightedDistribution
from headrace.kinds import Kind, kind_of

__all__ = ["AnyDistribution", "Place", "Plan", "places_of", "plan_folds"]

AnyDistribution = Distribution | WeightedDistribution

_MOST_DIGITS = 18  # of a decimal whose integers all fit an int64
_MOST_NESTED = 1_000  # features inside of others: what is deeper or more is not looked into
_CONVERTED: dict[str, Kind] = {"~": "decimal", "us": "duration", "time": "time"}


@dataclass(frozen=True)
class Place:
    """Where one feature's states lie.

    Parameters
    ----------
    column : str
        The column of the data set it is in.
    type : Kind
        The feature's: `list` for a list.
    value_type : Kind
        What its figures are about: for a list the type of the values in it.
    digits : int
        Of a decimal: its values are integers of so many decimal places.
    values : int
        Index of the distribution of its values.
    lengths : int or None
        Of a list: index of the distribution of how many values a row has.
    weighted : int or None
        Index of the weighted distribution of its values.
    """

    column: str
    type: Kind
    value_type: Kind
    digits: int
    values: int
    lengths: int | None = None
    weighted: int | None = None


@dataclass(frozen=True)
class Plan:
    """Every fold of a data set: one a column, in column order, and their companions.

    Companions are what lies inside of columns, lengths of lists, and weighted distributions.
    """

    folds: tuple[Distribution, ...]
    companions: tuple[AnyDistribution, ...]


def plan_folds(schema: pa.Schema, *, weight: str | None = None) -> Plan:
    """The folds that analyse columns of these types; weighted ones beside them where there is a weight column."""
    folds: list[Distribution] = []
    companions: list[AnyDistribution] = []
    for field in schema:
        first, *rest = _of_type(field.name, field.type, ())
        assert isinstance(first, Distribution)
        folds.append(first)
        companions += rest[:_MOST_NESTED]
    if weight is not None:
        for fold in [*folds, *companions]:
            if fold.column != weight and isinstance(fold, Distribution) and not _is_lengths(fold):
                companions.append(WeightedDistribution(fold.column, fold.kind, fold.max_distinct, fold.path))
    return Plan(tuple(folds), tuple(companions))


def _of_type(column: str, data_type: pa.DataType, path: tuple[str, ...]) -> Iterator[Distribution]:
    """The fold of what lies at a path, then those of its lengths and of what lies in it."""
    types = pa.types
    while types.is_dictionary(data_type) or types.is_run_end_encoded(data_type):
        data_type = data_type.value_type
    kind = kind_of(data_type)
    if kind == "list":
        item = data_type.value_type if not types.is_map(data_type) else _entry(data_type)
        inner = kind_of(item)
        yield _leaf(column, item, (*path, "[]"))
        yield Distribution(column, "integer", path=(*path, "#"))
        if inner in ("list", "struct"):
            deeper = _of_type(column, item, (*path, "[]"))
            if inner == "struct":
                next(deeper)  # the structs themselves are the list's values
            yield from deeper
        return
    yield _leaf(column, data_type, path)
    if kind == "struct":
        for field in data_type:
            yield from _of_type(column, field.type, (*path, f".{field.name}"))


def _entry(data_type: pa.DataType) -> pa.DataType:
    return pa.struct([pa.field("key", data_type.key_type), pa.field("value", data_type.item_type)])


def _leaf(column: str, data_type: pa.DataType, path: tuple[str, ...]) -> Distribution:
    kind = kind_of(data_type)
    if kind == "decimal":
        if data_type.precision <= _MOST_DIGITS and 0 <= data_type.scale <= _MOST_DIGITS:
            return Distribution(column, "integer", path=(*path, f"e{data_type.scale}"))
        return Distribution(column, "number", path=(*path, "~"))
    if kind in ("duration", "time"):
        return Distribution(column, "integer", path=(*path, "us" if kind == "duration" else "time"))
    return Distribution(column, kind, path=path)


def _is_lengths(fold: AnyDistribution) -> bool:
    return fold.path[-1:] == ("#",)


def places_of(folds: Sequence[AnyDistribution]) -> dict[str, Place]:
    """Each feature's place, by its name: columns first, in their order, then what lies in them."""
    found: dict[str, Place] = {}
    by_fold = {
        (fold.column, fold.path, isinstance(fold, WeightedDistribution)): index for index, fold in enumerate(folds)
    }
    for index, fold in enumerate(folds):
        if _is_lengths(fold) or isinstance(fold, WeightedDistribution):
            continue
        steps = list(fold.path)
        digits, value_type = 0, fold.kind
        if steps and steps[-1] in _CONVERTED:
            value_type = _CONVERTED[steps.pop()]
        elif steps and steps[-1][0] == "e":
            value_type, digits = "decimal", int(steps.pop()[1:])
        is_list = steps[-1:] == ["[]"]
        place = Place(
            fold.column,
            "list" if is_list else value_type,
            value_type,
            digits,
            index,
            by_fold.get((fold.column, (*steps[:-1], "#"), False)) if is_list else None,
            by_fold.get((fold.column, fold.path, True)),
        )
        name = fold.name
        while name in found:  # a column may be called as a field of another would be
            name += "'"
        found[name] = place
    return found
