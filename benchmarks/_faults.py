"""Faults made by seed: fifteen kinds at three strengths, in a column, a slice and a share of the rows drawn.

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
STRENGTHS = ("strong", "middle", "weak")
RATES = {"strong": 1.0, "middle": 0.5, "weak": 0.15}  # of the slice's rows
CLIPPED = {"strong": 0.4, "middle": 0.2, "weak": 0.06}  # of the rows that lay beyond
OFFSETS = {"strong": (3.0, 6.0), "middle": (1.0, 3.0), "weak": (0.3, 1.0)}  # standard deviations
NUMBERS, TEXTS, BOOLEANS, MOMENTS = ("number", "integer"), ("text",), ("boolean",), ("timestamp",)
# Kind -> the kinds of columns it can befall; "rows" = all columns at once.
KINDS: dict[str, tuple[str, ...]] = {
    "nulls": (*NUMBERS, *TEXTS, *BOOLEANS),
    "unit": NUMBERS,
    "offset": NUMBERS,
    "zone": MOMENTS,
    "convention": TEXTS,
    "cut": TEXTS,
    "recoded": ("integer", *TEXTS),
    "swapped": (*NUMBERS, *TEXTS),
    "stuck": (*NUMBERS, *TEXTS),
    "filled": (*NUMBERS, *TEXTS),
    "rounded": NUMBERS,
    "clipped": NUMBERS,
    "flipped": BOOLEANS,
    "duplicated": ("rows",),
    "missing": ("rows",),
}
# What a finder may call it, where that is not the kind's own name alone.
NAMES = {
    "unit": {"scale"},
    "offset": {"offset", "recoded"},  # a whole number moved out of its range is another number
    "cut": {"convention", "recoded"},
    "filled": {"stuck"},
    "recoded": {"recoded", "convention"},  # C0017 for AA is another code, and of another form
    "clipped": {"clipped"},
    "zone": {"zone", "clock"},
}
MIN_ROWS = 25
MIN_DISTINCT = 5


@dataclass(frozen=True)
class Made:
    """What was broken: `rows` are those touched, `inside` those of the slice; features are all that are right to name.

    Where rows came twice or not at all, masks are of the broken table.
    """

    kind: str
    strength: str
    features: frozenset[str | None]
    slice: tuple[str, Any] | None
    rows: npt.NDArray[np.bool_]
    inside: npt.NDArray[np.bool_]

    @property
    def names(self) -> set[str]:
        """The kinds that are right answers."""
        return NAMES.get(self.kind, {self.kind})

    def __str__(self) -> str:
        where = "" if self.slice is None else f" where {self.slice[0]}={self.slice[1]}"
        named = ", ".join(sorted(map(str, self.features)))
        return f"{self.strength} {self.kind} of {named}{where}: {int(self.rows.sum())} rows"


def bools(mask: Any) -> npt.NDArray[np.bool_]:
    """An Arrow mask as NumPy's, null = False."""
    return np.array(pc.fill_null(mask, False).to_pylist(), dtype=np.bool_)


def kind_of(column: Any) -> str:
    """number, integer, boolean, timestamp or text."""
    types = {"number": pa.types.is_floating, "integer": pa.types.is_integer, "boolean": pa.types.is_boolean}
    types["timestamp"] = pa.types.is_timestamp
    return next((name for name, test in types.items() if test(column.type)), "text")


def can_befall(table: pa.Table, kind: str, skip: set[str]) -> bool:
    """Whether a table has columns for that kind of fault."""
    needed = KINDS[kind]
    if needed == ("rows",):
        return True
    names = [name for name in table.column_names if kind in ("zone",) or name not in skip]
    return any(kind_of(table[name]) in needed for name in names)


def break_table(
    table: pa.Table, kind: str, strength: str, slicing: list[str], skip: set[str], rng: np.random.Generator
) -> tuple[pa.Table, Made] | None:
    """The table with one fault of that kind in it, and what it is; None where nothing here can be broken so."""
    for _ in range(200):
        where, inside = _draw_slice(table, slicing, rng)
        if kind in ("duplicated", "missing"):
            found = (_duplicate if kind == "duplicated" else _lose)(table, strength, where, inside, slicing, rng)
        else:
            found = _break_column(table, kind, strength, where, inside, skip, rng)
        if found is not None:
            return found
    return None


def _draw_slice(
    table: pa.Table, slicing: list[str], rng: np.random.Generator
) -> tuple[tuple[str, Any] | None, npt.NDArray[np.bool_]]:
    inside = np.ones(table.num_rows, np.bool_)
    if rng.random() >= 0.7:
        return None, inside
    cut = str(rng.choice(slicing))
    found = pc.value_counts(pc.drop_null(table[cut])).to_pylist()
    values = [one["values"] for one in found if one["counts"] >= MIN_ROWS]
    if not values:
        return None, inside
    where = (cut, values[int(rng.integers(len(values)))])
    return where, bools(pc.equal(table[cut], where[1]))


def _break_column(
    table: pa.Table, kind: str, strength: str, where: tuple[str, Any] | None, inside: npt.NDArray[np.bool_],
    skip: set[str], rng: np.random.Generator,
) -> tuple[pa.Table, Made] | None:  # fmt: skip
    names = [name for name in table.column_names if kind == "zone" or name not in skip]
    names = [name for name in names if kind_of(table[name]) in KINDS[kind] and (where is None or name != where[0])]
    if not names:
        return None
    feature = str(rng.choice(names))
    column = table[feature].combine_chunks()
    # Of these the strength is how far they go; they befall all rows.
    rate = 1.0 if kind in ("clipped", "offset", "rounded") else RATES[strength]
    rows = inside & (rng.random(len(column)) < rate) & bools(pc.is_valid(column))
    some = column.filter(pa.array(rows))
    is_number = kind_of(column) in NUMBERS
    if rows.sum() < MIN_ROWS or len(pc.unique(some)) < (MIN_DISTINCT if is_number else 2):
        return None
    if kind == "swapped":
        return _swap(table, feature, names, strength, where, rows, inside, rng)
    changed = BREAKERS[kind](column, some, strength, rng)
    if changed is None:
        return None
    broken = pc.if_else(pa.array(rows), changed, column)
    if bools(pc.equal(broken, column))[rows].mean() > (0.98 if kind == "clipped" else 0.5):
        return None  # hardly anything changed
    made = Made(kind, strength, frozenset({feature}), where, rows, inside)
    return table.set_column(table.column_names.index(feature), feature, broken), made


def _swap(
    table: pa.Table, feature: str, names: list[str], strength: str, where: tuple[str, Any] | None,
    rows: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_], rng: np.random.Generator,
) -> tuple[pa.Table, Made] | None:  # fmt: skip
    others = [name for name in names if name != feature and table[name].type == table[feature].type]
    if not others:
        return None
    other = str(rng.choice(others))
    one, two = table[feature].combine_chunks(), table[other].combine_chunks()
    same = bools(pc.equal(one, two))[rows].mean()
    if same > 0.5 or not bools(pc.is_valid(two))[rows].any():
        return None
    if kind_of(one) in NUMBERS:  # columns as alike as two pixels cannot be told apart by anyone
        first, second = (np.sort(_floats(item)[rows & ~np.isnan(_floats(item))]) for item in (one, two))
        if not len(second) or _gap(first, second) < 0.2:
            return None
    mask = pa.array(rows)
    table = table.set_column(table.column_names.index(feature), feature, pc.if_else(mask, two, one))
    table = table.set_column(table.column_names.index(other), other, pc.if_else(mask, one, two))
    return table, Made("swapped", strength, frozenset({feature, other}), where, rows, inside)


def _gap(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    grid = np.union1d(first, second)
    places = [np.searchsorted(one, grid, "right") / len(one) for one in (first, second)]
    return float(np.abs(places[0] - places[1]).max())


def _duplicate(
    table: pa.Table, strength: str, where: tuple[str, Any] | None, inside: npt.NDArray[np.bool_],
    slicing: list[str], rng: np.random.Generator,
) -> tuple[pa.Table, Made] | None:  # fmt: skip
    """Rows of the slice that came twice."""
    del slicing
    rows = inside & (rng.random(len(inside)) < RATES[strength])
    if rows.sum() < MIN_ROWS:
        return None
    twice = np.concatenate([np.arange(len(inside)), np.flatnonzero(rows)])
    order = np.sort(twice, kind="stable")
    made = Made("duplicated", strength, frozenset({None}), where, rows[order], inside[order])
    return table.take(pa.array(order)), made


def _lose(
    table: pa.Table, strength: str, where: tuple[str, Any] | None, inside: npt.NDArray[np.bool_],
    slicing: list[str], rng: np.random.Generator,
) -> tuple[pa.Table, Made] | None:  # fmt: skip
    """Days or hours in a row that did not come, of a slice or of all; or one slice that did not."""
    times = [name for name in ("day", "hour") if name in table.column_names]
    choices = [*times, *slicing] if where is None else times
    if not choices:
        return None
    name = str(rng.choice(choices))
    column = table[name].combine_chunks()
    counts = {one["values"]: one["counts"] for one in pc.value_counts(pc.drop_null(column)).to_pylist()}
    if name in times:
        values = sorted(value for value in counts if name != "day" or value <= 28)
        length = {"strong": len(values) // 3, "middle": 3, "weak": 1}[strength]
        start = int(rng.integers(len(values) - length + 1))
        gone = values[start : start + length]
        named = {"day": {"day", "time_hour"}, "hour": {"hour", "time_hour", "sched_dep_time"}}[name]
    else:
        ordered = sorted((value for value in counts if counts[value] >= MIN_ROWS), key=lambda one: -counts[one])
        if len(ordered) < 2:
            return None
        gone = [ordered[{"strong": 0, "middle": len(ordered) // 2, "weak": len(ordered) - 1}[strength]]]
        named = {name}
    rows = inside & bools(pc.is_in(column, value_set=pa.array(gone, column.type)))
    if rows.sum() < MIN_ROWS or rows.mean() > 0.8:
        return None
    kept = ~rows
    made = Made("missing", strength, frozenset(named), where, rows, inside[kept])
    return table.filter(pa.array(kept)), made


def mix_table(table: pa.Table, slicing: list[str], rng: np.random.Generator) -> tuple[pa.Table, str, float]:
    """The table with other shares of one column's values, every row left as it was: (table, column, how far shares
    moved: half the sum of their differences)."""
    for _ in range(1000):
        cut = str(rng.choice(slicing))
        column = table[cut].combine_chunks()
        found = [one for one in pc.value_counts(pc.drop_null(column)).to_pylist() if one["counts"] >= 4 * MIN_ROWS]
        if len(found) < 2:
            continue
        favoured = found[int(rng.integers(len(found)))]["values"]
        inside = bools(pc.equal(column, favoured))
        is_more = bool(rng.random() < 0.6)
        rate = float(rng.uniform(0.15, 0.4))
        kept = np.where(inside == is_more, True, rng.random(len(inside)) < rate)
        moved = abs(float(inside[kept].mean()) - float(inside.mean()))
        if moved >= 0.15 and kept.sum() >= 4 * MIN_ROWS:
            return table.filter(pa.array(kept)), cut, moved
    raise SystemExit("no shares here can be moved")


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=np.float64)


def _like(column: pa.Array, values: npt.NDArray[np.float64]) -> pa.Array:
    if pa.types.is_integer(column.type):
        values = np.round(values)
    mask = np.isnan(values)
    return pa.array(np.where(mask, 0, values), mask=mask).cast(column.type)


def _affine(column: pa.Array, factor: float, shift: float = 0.0) -> pa.Array:
    return _like(column, _floats(column) * factor + shift)


def _offset(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    spread = float(np.std(_floats(some))) or 1.0
    size = spread * float(rng.uniform(*OFFSETS[strength])) * float(rng.choice([-1, 1]))
    return _affine(column, 1.0, float(f"{size:.2g}"))


def _unit(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    draw = rng.random()
    if draw < 0.7:
        return _affine(column, float(rng.choice(FACTORS)))
    if draw < 0.85 and not pa.types.is_integer(column.type):
        return _affine(column, *((5 / 9, -160 / 9) if rng.random() < 0.7 else (1.8, 32.0)))
    return _affine(column, float(np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.5), np.log(20)))))


def _zone(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    hours = int(rng.choice([-8, -6, -5, -4, 2, 5, 8, 9]))
    unit = pa.duration(column.type.unit)
    return pc.add(column, pa.scalar(hours * 3_600, pa.duration("s")).cast(unit))


def _rounded(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array | None:
    """Onto the grid that leaves about so many values: 8, 20, or half as many as there were."""
    values = _floats(some)
    low, high = np.nanquantile(values, [0.05, 0.95])
    num = {"strong": 6, "middle": 15, "weak": 40}[strength]
    if high <= low:
        return None
    step = 10.0 ** np.round(np.log10((high - low) / num))
    function = np.round if rng.random() < 0.5 else np.floor
    return _like(column, function(_floats(column) / step + 1e-9) * step)


def _constant(column: pa.Array, value: Any) -> pa.Array:
    return pa.array([value] * len(column), column.type)


def _stuck(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    return _constant(column, some[int(rng.integers(len(some)))].as_py())


def _filled(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    text = kind_of(column) == "text"
    return _constant(
        column, str(rng.choice(["", "N/A", "unknown", "0"])) if text else int(rng.choice([-999, -1, 9999]))
    )


def _clipped(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    share, values = 1 - CLIPPED[strength], _floats(column)
    if rng.random() < 0.3:
        return _like(column, np.maximum(values, np.nanquantile(_floats(some), 1 - share, method="lower")))
    return _like(column, np.minimum(values, np.nanquantile(_floats(some), share, method="lower")))


def _each(column: pa.Array, change: Callable[[Any], Any]) -> pa.Array:
    return pa.array([None if value is None else change(value) for value in column.to_pylist()], column.type)


def _distinct(column: pa.Array) -> list[Any]:
    return sorted(value for value in pc.unique(column).to_pylist() if value is not None)


def _recoded(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    """Text renamed one by one; whole numbers moved, with digits in front, or numbered anew."""
    distinct = _distinct(column)
    if kind_of(column) == "text":
        new = {value: f"C{place:04d}" for value, place in zip(distinct, rng.permutation(len(distinct)), strict=True)}
        return _each(column, new.__getitem__)
    largest = max(abs(distinct[0]), abs(distinct[-1]))
    draw, digit = rng.random(), int(rng.integers(1, 9))
    if draw < 1 / 3:
        return _affine(column, 1.0, float(10 ** len(str(largest)) * digit))
    if draw < 2 / 3:
        return _each(column, lambda value: (-1 if value < 0 else 1) * int(f"{digit}{digit}{abs(value)}"))
    start = 10 ** (len(str(largest)) + 1)
    numbers = dict(zip(distinct, (start + rng.permutation(len(distinct))).tolist(), strict=True))
    return _each(column, numbers.__getitem__)


def _convention(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    """Other case, blanks around, something in front, other separators."""
    changes: list[Callable[[str], str]] = [
        str.lower,
        lambda value: f" {value} ",
        lambda value: f"US-{value}",
        lambda value: value.replace(" ", "_").replace("-", "_") if set(value) & set(" -") else f"{value:_<12}",
    ]
    return _each(column, changes[int(rng.integers(len(changes)))])


def _cut(column: pa.Array, some: pa.Array, strength: str, rng: np.random.Generator) -> pa.Array:
    if rng.random() < 0.5:
        return _each(column, lambda value: value[1:])
    longest = max(len(value) for value in some.to_pylist())
    return _each(column, lambda value: value[: max(1, longest - 2)])


BREAKERS: dict[str, Callable[[pa.Array, pa.Array, str, np.random.Generator], pa.Array | None]] = {
    "nulls": lambda column, some, strength, rng: pa.nulls(len(column), column.type),
    "unit": _unit,
    "offset": _offset,
    "zone": _zone,
    "convention": _convention,
    "cut": _cut,
    "recoded": _recoded,
    "stuck": _stuck,
    "filled": _filled,
    "rounded": _rounded,
    "clipped": _clipped,
    "flipped": lambda column, some, strength, rng: pc.invert(column),
}
