"""The records a data set is made of: roles, fragments, spans, and the parts that engines work on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from headrace.calls import user_line
from headrace.errors import InvalidInput, Misuse, UnknownName

__all__ = ["ALL", "Fragment", "Part", "Roles", "Span", "check_split"]

ALL: Final = "*"
"""Every row of a data set, whatever its split: `dataset.parts(ALL)`."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Roles:
    """Which columns mean what; trainers and evaluation read them here and nowhere else.

    Parameters
    ----------
    label : str or None
        What is to be predicted. A row without one is analysed and validated, left out of fit and evaluation, counted.
    key : tuple of str
        The columns that name a row: split, sampling and replicates hash them. Keys may repeat; equals stay together.
    weight : str or None
        Non-negative numbers; a null weighs nothing.
    time : str or None
        When the row happened.
    sensitive : tuple of str
        Columns that identify or protect people; shown nowhere unless asked for.
    positive : str, int, float, bool or None
        The label's value that counts as 1, where a label has names for its values ("yes", "M") or other numbers than 0
        and 1; every other value counts as 0, null stays null. None = the label's values are the numbers themselves.

    >>> Roles(label="late", key=["flight"]).key
    ('flight',)
    """

    label: str | None = None
    key: tuple[str, ...] = ()
    weight: str | None = None
    time: str | None = None
    sensitive: tuple[str, ...] = ()
    positive: str | int | float | bool | None = None

    def __post_init__(self) -> None:
        for name in ("key", "sensitive"):
            value: Any = getattr(self, name)
            columns = (value,) if isinstance(value, str) else tuple(value or ())
            if len(set(columns)) != len(columns):
                raise InvalidInput(f"role {name} names a column twice: {list(columns)}")
            object.__setattr__(self, name, columns)
        for name in ("label", "weight", "time"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InvalidInput(f"role {name} = {value!r}", expected="the name of one column")
        positive: Any = self.positive
        if positive is None:
            return
        if not isinstance(positive, (str, int, float)) or positive != positive:
            raise InvalidInput(f"positive = {positive!r}", expected="one value of the label, such as 'yes'")
        if self.label is None:
            raise InvalidInput(f"positive = {positive!r} without a label", fix="name the label: label='...'")

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that has a role, each once."""
        singles = [name for name in (self.label, self.weight, self.time) if name is not None]
        return tuple(dict.fromkeys([*singles, *self.key, *self.sensitive]))

    def check(self, known: Sequence[str], where: str) -> None:
        """Raise UnknownName for a role whose column is not among the known ones."""
        for role in ("label", "weight", "time", "key", "sensitive"):
            value = getattr(self, role)
            for name in value if isinstance(value, tuple) else [value]:
                if name is not None and name not in known:
                    raise UnknownName("column", name, known, where=f"{where}, {role}")

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for the manifest and for digests."""
        # Left out where there is none: data sets made before there was this role keep their digests.
        positive = {} if self.positive is None else {"positive": self.positive}
        return {
            "label": self.label,
            "key": list(self.key),
            "weight": self.weight,
            "time": self.time,
            "sensitive": list(self.sensitive),
            **positive,
        }


@dataclass(frozen=True)
class Fragment:
    """One file of rows, or one table in memory.

    Parameters
    ----------
    source : str
        "parquet", or "arrow" for a table in memory; in a source's plan the name of the source.
    locator : str
        A path, absolute or relative to the folder of the manifest; the number of the table for "arrow".
    num_rows : int or None
        Rows in it; None when not known before reading.
    """

    source: str
    locator: str
    num_rows: int | None


@dataclass(frozen=True)
class Span:
    """A named stretch of data, a day or a month, of one shape.

    Parameters
    ----------
    name : str
        What `{span}` stood for in the path, or "all".
    version : int
        Counts up when a span is delivered again.
    arrow_schema : pyarrow.Schema
        Names and types, metadata aside; dictionaries are what they decode to.
    fragments : tuple of Fragment
        In the order of the source's files.
    """

    name: str
    version: int
    arrow_schema: pa.Schema = field(hash=False)
    fragments: tuple[Fragment, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput(f"span name {self.name!r}", expected="letters, digits and _ . + -")


@dataclass(frozen=True)
class Part:
    """The unit of work of an engine: one split's rows of one fragment.

    Parameters
    ----------
    span : str
        The span's name.
    split : str or None
        The split; None = every row of the fragment.
    fragment_index : int
        The fragment's place in its span.
    """

    span: str
    split: str | None
    fragment_index: int


def check_split(split: Mapping[str, int] | None) -> dict[str, int] | None:
    """A checked copy of split weights, sorted by name, so that the order they were typed in cannot matter.

    >>> check_split({"train": 8, "eval": 2})
    {'eval': 2, 'train': 8}
    """
    if split is None:
        return None
    if not isinstance(split, Mapping):
        raise Misuse(f"split is {split!r}", where=user_line(), expected="weights by name: {'train': 8, 'eval': 2}")
    if not split:
        raise InvalidInput("split names no part", expected="weights such as {'train': 8, 'eval': 2}, or None")
    for name, weight in split.items():
        if not _NAME.fullmatch(str(name)):
            raise InvalidInput(f"split name {name!r}", expected="letters, digits and _ . + -")
        if type(weight) is not int or not 1 <= weight <= 1_000_000:
            raise InvalidInput(
                f"split {name!r} has weight {weight!r}",
                expected="a whole number, 1 to 1,000,000",
                fix="8 and 2 rather than 0.8 and 0.2" if isinstance(weight, float) else "",
            )
    return dict(sorted(split.items()))
