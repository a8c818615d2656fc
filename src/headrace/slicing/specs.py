"""Slice specs: which columns rows are cut by, and how a slice is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.slicing.derived import Derived, parse_derived

__all__ = ["SliceSpec", "parse_slices", "slice_name"]


@dataclass(frozen=True)
class SliceSpec:
    """The columns rows are cut by: one slice for each combination of their values, nulls included.

    Parameters
    ----------
    columns : tuple of str
        In this order; none = overall, the one slice of all rows.
    derived : tuple of Bins or Condition
        What some of these columns are made by, where they are not the data set's own.

    >>> SliceSpec(("carrier", "origin")).name
    'carrier,origin'
    """

    columns: tuple[str, ...] = ()
    derived: tuple[Derived, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns):
            raise InvalidInput(f"slice {list(self.columns)} names a column twice")

    @property
    def name(self) -> str:
        """How the spec is called: "overall", or its columns."""
        return ",".join(self.columns) or "overall"


Written = str | Mapping[str, Sequence[float]] | Sequence[str | Mapping[str, Sequence[float]]] | SliceSpec
"""What users write for one cut; `parse_slices` reads it."""


def parse_slices(
    slices: Iterable[Written], column_names: Sequence[str] | None = None, *, allow_derived: bool = False
) -> list[SliceSpec]:
    """Read what users write: a column, or a list of columns, for each cut; equal cuts count once.

    Parameters
    ----------
    slices : iterable of str, mapping, sequence of these, or SliceSpec
        `["carrier", ["carrier", "origin"]]`; one text alone is one column.
    column_names : sequence of str, optional
        What there is; a column that is not among them is an UnknownName.
    allow_derived : bool
        Whether ranges (`{"distance": [500, 1000]}`) and conditions (`"dep_delay > 60"`) may stand where columns do.

    >>> parse_slices(["carrier", ["carrier", "origin"]])
    [SliceSpec(columns=('carrier',)), SliceSpec(columns=('carrier', 'origin'))]
    >>> parse_slices(["x > 1"], ["x"], allow_derived=True)[0].name
    'x > 1'
    """
    found: dict[SliceSpec, None] = {}
    for item in [slices] if isinstance(slices, (str, Mapping)) else slices:
        if isinstance(item, SliceSpec):
            spec = item
        else:
            parts = list(item) if isinstance(item, (list, tuple)) else [item]
            if not all(isinstance(part, (str, Mapping) if allow_derived else str) for part in parts):
                raise InvalidInput(f"slice {item!r}", expected="a column's name, or a list of them")
            spec = _spec(parts, column_names, allow_derived)
        if column_names is not None:
            made = {one.name for one in spec.derived}
            for name in spec.columns:
                if name not in column_names and name not in made:
                    raise UnknownName("column", name, column_names, where=f"slice {spec.name}")
        found[spec] = None
    return list(found)


def _spec(parts: Sequence[Any], column_names: Sequence[str] | None, allow_derived: bool) -> SliceSpec:
    columns: list[str] = []
    derived: list[Derived] = []
    for part in parts:
        is_condition = isinstance(part, str) and part not in (column_names or ()) and _is_condition(part)
        if allow_derived and (is_condition or not isinstance(part, str)):
            derived.append(parse_derived(part, column_names or ()))
            columns.append(derived[-1].name)
        else:
            columns.append(part)
    return SliceSpec(tuple(columns), tuple(derived))


def _is_condition(text: str) -> bool:
    return bool(set(text) & set("=<>")) or text.endswith(" is null")


def slice_name(columns: Sequence[str], values: Sequence[Any]) -> str:
    """How one slice is called.

    A value that is null reads `null`; text that could be mistaken (empty, with "," or "=", quotes or blanks at an end,
    or the word null) is quoted; timestamps are RFC 3339.

    >>> slice_name(["carrier", "origin"], ["AA", None])
    'carrier=AA,origin=null'
    >>> slice_name(["carrier"], ["null"]), slice_name([], [])
    ("carrier='null'", 'overall')
    """
    parts = (f"{_text(name)}={_text(value)}" for name, value in zip(columns, values, strict=True))
    return ",".join(parts) or "overall"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if not isinstance(value, str):
        return str(value)
    plain = (
        value and value not in ("null", "overall") and not set(value) & set(",='\"\\\n\r\t") and value == value.strip()
    )
    return value if plain else repr(value)
