"""What rows can be cut by beside the values of a column: ranges of a number, and conditions."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import canonical_array, kind_of

__all__ = ["Bins", "Condition", "Derived", "parse_condition", "parse_derived"]

_OPERATORS = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<=": pc.less_equal,
    ">=": pc.greater_equal,
    "<": pc.less,
    ">": pc.greater,
}
_TERM = re.compile(r"\s*(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*", re.DOTALL)
_IS_NULL = re.compile(r"\s*(.+?)\s+is\s+null\s*", re.DOTALL)
_AND = re.compile(r"\s+and\s+(?=(?:[^']*'[^']*')*[^']*$)")  # not within quotes


@dataclass(frozen=True)
class Bins:
    """Ranges of a column of numbers: below the first edge, between edges, from the last edge on.

    Parameters
    ----------
    column : str
        The column.
    edges : tuple of float
        Finite and ascending; each begins a range.

    >>> Bins("distance", (500.0, 1000.0)).labels
    ('below 500', '500 to 1000', '1000 and above')
    """

    column: str
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = tuple(float(edge) for edge in self.edges)
        is_rising = all(low < high for low, high in itertools.pairwise(edges))
        if not edges or not is_rising or not all(map(math.isfinite, edges)):
            raise InvalidInput(
                f"edges {list(self.edges)} of slices by {self.column!r}", expected="finite numbers, each above the last"
            )
        object.__setattr__(self, "edges", edges)

    @property
    def name(self) -> str:
        """How what it gives is called: "distance cut at 500, 1000"."""
        return f"{self.column} cut at {', '.join(map(_text, self.edges))}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the ranges are called, ascending."""
        text = [_text(edge) for edge in self.edges]
        between = [f"{low} to {high}" for low, high in itertools.pairwise(text)]
        return (f"below {text[0]}", *between, f"{text[-1]} and above")

    def derive(self, batch: pa.RecordBatch) -> pa.Array:
        """The range of each row, as text: null where the value is null or NaN."""
        array = batch.column(self.column)
        kind = kind_of(array.type)
        if kind not in ("integer", "number", "boolean", "null"):
            raise InvalidInput(
                f"column {self.column!r} is {array.type}", where=f"slices by {self.name}", expected="numbers"
            )
        values = canonical_array(array, name=self.column).cast(pa.float64(), safe=False)
        numbers = np.asarray(values.fill_null(math.nan))
        places = np.searchsorted(np.array(self.edges), numbers, side="right")
        labels = pa.array(self.labels, pa.large_string())
        return labels.take(pa.array(places, mask=np.isnan(numbers)))


@dataclass(frozen=True)
class Condition:
    """Whether a row meets a condition: terms `column op value`, all of which must hold.

    Parameters
    ----------
    text : str
        As it was written: "dep_delay > 60 and carrier == AA".
    terms : tuple of (column, operator, value as JSON)
        Operators are == != < <= > >=, and `is`, whose value is null.
    """

    text: str
    terms: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, terms: Sequence[tuple[str, str, str]]) -> Condition:
        """The condition of these terms, written as `parse_condition` reads it.

        >>> Condition.of([("carrier", "==", '"AA"'), ("hour", ">=", "5"), ("dest", "is", "null")]).text
        'carrier == AA and hour >= 5 and dest is null'
        """
        written = [f"{column} {operator} {_written(json.loads(value))}" for column, operator, value in terms]
        return cls(" and ".join(written), tuple(terms))

    @property
    def name(self) -> str:
        """How what it gives is called: the condition."""
        return self.text

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns read."""
        return tuple(dict.fromkeys(column for column, _, _ in self.terms))

    def derive(self, batch: pa.RecordBatch) -> pa.Array:
        """Whether each row meets it: null where that hangs on a null, as in SQL."""
        found: Any = None
        for column, operator, written in self.terms:
            holds = self._term(batch.column(column), column, operator, json.loads(written))
            found = holds if found is None else pc.and_kleene(found, holds)
        return found

    def _term(self, array: pa.Array, column: str, operator: str, value: Any) -> pa.Array:
        kind = kind_of(array.type)
        if operator == "is":
            return pc.is_null(canonical_array(array, name=column), nan_is_null=True)
        if kind == "null":
            return pa.nulls(len(array), pa.bool_())
        values = canonical_array(array, name=column)
        where = f"slices by {self.text!r}"
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if kind in ("integer", "number") and is_number:
            return _OPERATORS[operator](values, pa.scalar(value))
        if kind == "boolean" and isinstance(value, bool):
            return _OPERATORS[operator](values, pa.scalar(value))
        if kind == "text" and not isinstance(value, bool):
            other = value if isinstance(value, str) else _text(value)
            return _OPERATORS[operator](values, pa.scalar(other, pa.large_string()))
        if kind == "timestamp" and isinstance(value, str):
            try:
                return _OPERATORS[operator](values, _moment(value))
            except pa.ArrowInvalid as error:
                raise InvalidInput(f"{value!r} is no moment", where=where, expected="2013-06-01T00:00:00Z") from error
        raise InvalidInput(f"column {column!r} is {array.type} and {value!r} is not", where=where, expected=kind)


Derived = Bins | Condition


def _text(value: float) -> str:
    """A number as a person writes it, to the last digit."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def _moment(text: str) -> pa.Scalar:
    zoned = text if text.endswith("Z") or len(text) <= len("2013-06-01") else f"{text}Z"
    naive = pa.scalar(zoned.removesuffix("Z").replace("T", " ")).cast(pa.timestamp("us"))
    return naive.cast(pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def parse_condition(text: str, column_names: Sequence[str] | None = None) -> Condition:
    """Read a condition: `carrier == AA and dep_delay >= 60`; texts may be quoted.

    `column is null` is a term too: true where the value is missing, NaN included.

    Raises InvalidInput for what is none, UnknownName for a column that is not there.

    >>> parse_condition("dep_delay >= 60").terms
    (('dep_delay', '>=', '60'),)
    """
    terms = []
    for part in _AND.split(text):
        is_null, found = _IS_NULL.fullmatch(part), _TERM.fullmatch(part)
        if is_null is not None:
            column, operator, value = is_null.group(1), "is", None
        elif found is not None:
            column, operator, value = found.group(1), found.group(2), _value(found.group(3))
        else:
            raise InvalidInput(f"slice {text!r}", expected="a column, or a condition such as 'dep_delay >= 60'")
        if column_names is not None and column not in column_names:
            raise UnknownName("column", column, column_names, where=f"slice {text!r}")
        terms.append((column, operator, json.dumps(value)))
    return Condition(text, tuple(terms))


def _written(value: Any) -> str:
    """A value so that `_value` reads it as it is: texts in quotes where they could be taken for something else."""
    if isinstance(value, str):
        is_plain = re.fullmatch(r"[\w./:+-]+", value) and value != "null" and _value(value) == value
        return value if is_plain else f"'{value}'"
    return json.dumps(value)


def _value(written: str) -> Any:
    if len(written) > 1 and written[0] == written[-1] == "'":
        return written[1:-1]
    try:
        value = json.loads(written)
    except ValueError:
        return written
    return value if isinstance(value, (bool, int, float, str)) else written


def parse_derived(item: str | Mapping[str, Sequence[float]], column_names: Sequence[str]) -> Derived:
    """What a user wrote where a column's name is none: a condition, or `{"distance": [500, 1000]}`."""
    if isinstance(item, str):
        return parse_condition(item, column_names)
    if len(item) != 1:
        raise InvalidInput(f"slice {dict(item)!r}", expected='one column and its edges: {"distance": [500, 1000]}')
    column, edges = next(iter(item.items()))
    if column not in column_names:
        raise UnknownName("column", column, column_names, where=f"slice {dict(item)!r}")
    return Bins(column, tuple(edges))
