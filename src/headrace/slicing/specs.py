"""Slice specs: which columns rows are cut by, and how a slice is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headrace.errors import InvalidInput, UnknownName

__all__ = ["SliceSpec", "parse_slices", "slice_name"]


@dataclass(frozen=True)
class SliceSpec:
    """The columns rows are cut by: one slice for each combination of their values, nulls included.

    Parameters
    ----------
    columns : tuple of str
        In this order; none = overall, the one slice of all rows.

    >>> SliceSpec(("carrier", "origin")).name
    'carrier,origin'
    """

    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns):
            raise InvalidInput(f"slice {list(self.columns)} names a column twice")

    @property
    def name(self) -> str:
        """How the spec is called: "overall", or its columns."""
        return ",".join(self.columns) or "overall"


def parse_slices(
    slices: Iterable[str | Sequence[str] | SliceSpec], column_names: Sequence[str] | None = None
) -> list[SliceSpec]:
    """Read what users write: a column, or a list of columns, for each cut; equal cuts count once.

    Parameters
    ----------
    slices : iterable of str, sequence of str or SliceSpec
        `["carrier", ["carrier", "origin"]]`; one text alone is one column.
    column_names : sequence of str, optional
        What there is; a column that is not among them is an UnknownName.

    >>> parse_slices(["carrier", ["carrier", "origin"]])
    [SliceSpec(columns=('carrier',)), SliceSpec(columns=('carrier', 'origin'))]
    """
    found: dict[SliceSpec, None] = {}
    for item in [slices] if isinstance(slices, str) else slices:
        if isinstance(item, SliceSpec):
            spec = item
        elif isinstance(item, str):
            spec = SliceSpec((item,))
        elif isinstance(item, (list, tuple)) and all(isinstance(name, str) for name in item):
            spec = SliceSpec(tuple(item))
        else:
            raise InvalidInput(f"slice {item!r}", expected="a column's name, or a list of them")
        if column_names is not None:
            for name in spec.columns:
                if name not in column_names:
                    raise UnknownName("column", name, column_names, where=f"slice {spec.name}")
        found[spec] = None
    return list(found)


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
