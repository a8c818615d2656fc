"""Faults made by seed: what breaks (nulls, units, conventions ...), in which column, in which slice, in how many rows.

The maker knows nothing of how faults are found; its lists are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FACTORS = (1.609344, 0.621371, 100.0, 0.01, 1000.0, 0.001, 60.0, 1 / 60, 2.54, 0.3048, 3.28084, 0.453592, 2.204623)
RATES = (1.0, 1.0, 1.0, 0.5, 0.25)
NUMBER_KINDS = ("nulls", "scale", "scale", "celsius", "free_scale", "offset", "stuck", "filled", "clipped")
INTEGER_KINDS = (*NUMBER_KINDS[:3], *NUMBER_KINDS[4:], "moved", "prefixed", "renumbered")
TEXT_KINDS = ("nulls", "stuck", "filled", "lower", "blank", "prefix", "first_lost", "renamed", "cut")
BOOLEAN_KINDS = ("nulls", "stuck", "flipped")
# What a finder may call it.
NAMES = {
    "celsius": {"scale"},
    "free_scale": {"scale"},
    "offset": {"offset", "recoded"},
    "filled": {"stuck"},
    "moved": {"recoded", "offset"},
    "prefixed": {"recoded"},
    "renumbered": {"recoded"},
    "lower": {"recoded"},
    "blank": {"recoded"},
    "prefix": {"recoded"},
    "first_lost": {"recoded"},
    "renamed": {"recoded"},
    "cut": {"recoded", "clipped"},
}
MIN_ROWS = 25
MIN_DISTINCT = 5


@dataclass(frozen=True)
class Made:
    """What was broken: `rows` are those touched, `inside` those of the slice."""

    kind: str
    feature: str
    slice: tuple[str, Any] | None
    rate: float
    rows: npt.NDArray[np.bool_]
    inside: npt.NDArray[np.bool_]

    @property
    def names(self) -> set[str]:
        """The kinds that are right answers."""
        return NAMES.get(self.kind, {self.kind})

    def __str__(self) -> str:
        where = "" if self.slice is None else f" where {self.slice[0]}={self.slice[1]}"
        return f"{self.kind} of {self.feature}{where} in {self.rate:.0%}: {int(self.rows.sum())} rows"


def bools(mask: Any) -> npt.NDArray[np.bool_]:
    """An Arrow mask as NumPy's, null = False."""
    return np.array(pc.fill_null(mask, False).to_pylist(), dtype=np.bool_)


def break_table(table: pa.Table, slicing: list[str], skip: set[str], rng: np.random.Generator) -> tuple[pa.Table, Made]:
    """The table with one fault in it, and what it is."""
    features = [name for name in table.column_names if name not in skip]
    for _ in range(1000):
        feature = str(rng.choice(features))
        column = table[feature].combine_chunks()
        number = pa.types.is_floating(column.type)
        integer = pa.types.is_integer(column.type)
        boolean = pa.types.is_boolean(column.type)
        kinds = NUMBER_KINDS if number else INTEGER_KINDS if integer else BOOLEAN_KINDS if boolean else TEXT_KINDS
        kind = str(rng.choice(kinds))
        inside, where = np.ones(len(column), np.bool_), None
        cuts = [name for name in slicing if name != feature]
        if cuts and rng.random() < 0.7:
            cut = str(rng.choice(cuts))
            found = pc.value_counts(pc.drop_null(table[cut])).to_pylist()
            values = [one["values"] for one in found if one["counts"] >= MIN_ROWS]
            if not values:
                continue
            where = (cut, values[int(rng.integers(len(values)))])
            inside = bools(pc.equal(table[cut], where[1]))
        rate = float(rng.choice(RATES))
        rows = inside & (rng.random(len(column)) < rate) & bools(pc.is_valid(column))
        some = column.filter(pa.array(rows))
        if rows.sum() < MIN_ROWS or len(pc.unique(some)) < (2 if boolean or not (number or integer) else MIN_DISTINCT):
            continue
        changed = BREAKERS[kind](column, some, rng)
        broken = pc.if_else(pa.array(rows), changed, column)
        if bools(pc.equal(broken, column))[rows].mean() > 0.5:
            continue  # hardly anything changed
        index = table.column_names.index(feature)
        return table.set_column(index, feature, broken), Made(kind, feature, where, rate, rows, inside)
    raise SystemExit("nothing here can be broken")


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=np.float64)


def _like(column: pa.Array, values: npt.NDArray[np.float64]) -> pa.Array:
    if pa.types.is_integer(column.type):
        values = np.round(values)
    mask = np.isnan(values)
    return pa.array(np.where(mask, 0, values), mask=mask).cast(column.type)


def _affine(column: pa.Array, factor: float, shift: float = 0.0) -> pa.Array:
    return _like(column, _floats(column) * factor + shift)


def _offset(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    spread = float(np.std(_floats(some))) or 1.0
    size = spread * float(rng.uniform(1.0, 6.0)) * float(rng.choice([-1, 1]))
    return _affine(column, 1.0, float(f"{size:.2g}"))


def _free(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    return _affine(column, float(np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.5), np.log(20)))))


def _constant(column: pa.Array, value: Any) -> pa.Array:
    return pa.array([value] * len(column), column.type)


def _stuck(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    return _constant(column, some[int(rng.integers(len(some)))].as_py())


def _filled(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return _constant(
        column, str(rng.choice(["", "N/A", "unknown", "0"])) if text else int(rng.choice([-999, -1, 9999]))
    )


def _clipped(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    share, values = float(rng.choice([0.6, 0.75, 0.85, 0.92])), _floats(column)
    if rng.random() < 0.3:
        return _like(column, np.maximum(values, np.quantile(_floats(some), 1 - share, method="lower")))
    return _like(column, np.minimum(values, np.quantile(_floats(some), share, method="lower")))


def _moved(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    size = 10 ** len(str(int(np.nanmax(np.abs(_floats(column))))))
    return _affine(column, 1.0, float(size * int(rng.integers(1, 9))))


def _each(change: Callable[[Any], Any]) -> Callable[[pa.Array, pa.Array, np.random.Generator], pa.Array]:
    def run(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
        del some, rng
        return pa.array([None if value is None else change(value) for value in column.to_pylist()], column.type)

    return run


def _prefixed(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    digit = int(rng.integers(1, 9))
    return _each(lambda value: (-1 if value < 0 else 1) * int(f"{digit}{digit}{abs(value)}"))(column, some, rng)


def _renumbered(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Every number becomes another, all from a range of their own."""
    distinct = sorted(value for value in pc.unique(column).to_pylist() if value is not None)
    start = 10 ** (len(str(max(abs(distinct[0]), abs(distinct[-1])))) + 1)
    new = dict(zip(distinct, (start + rng.permutation(len(distinct))).tolist(), strict=True))
    return _each(new.__getitem__)(column, some, rng)


def _renamed(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    distinct = sorted(value for value in pc.unique(column).to_pylist() if value is not None)
    new = {value: f"C{place:04d}" for value, place in zip(distinct, rng.permutation(len(distinct)), strict=True)}
    return _each(new.__getitem__)(column, some, rng)


def _cut(column: pa.Array, some: pa.Array, rng: np.random.Generator) -> pa.Array:
    longest = max(len(value) for value in some.to_pylist())
    return _each(lambda value: value[: max(1, longest - 2)])(column, some, rng)


BREAKERS: dict[str, Callable[[pa.Array, pa.Array, np.random.Generator], pa.Array]] = {
    "nulls": lambda column, some, rng: pa.nulls(len(column), column.type),
    "scale": lambda column, some, rng: _affine(column, float(rng.choice(FACTORS))),
    "celsius": lambda column, some, rng: _affine(column, *((5 / 9, -160 / 9) if rng.random() < 0.7 else (1.8, 32.0))),
    "free_scale": _free,
    "offset": _offset,
    "stuck": _stuck,
    "filled": _filled,
    "clipped": _clipped,
    "moved": _moved,
    "prefixed": _prefixed,
    "renumbered": _renumbered,
    "lower": _each(str.lower),
    "blank": _each(lambda value: f" {value} "),
    "prefix": _each(lambda value: f"US-{value}"),
    "first_lost": _each(lambda value: value[1:]),
    "renamed": _renamed,
    "cut": _cut,
    "flipped": lambda column, some, rng: pc.invert(column),
}
