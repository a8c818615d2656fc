"""Skew: whether rows served are like those trained on, by distribution and, joined by their key, by value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset, Part
from headrace.dataset.rows import to_bools
from headrace.engine import Engine
from headrace.fold import Distribution
from headrace.fold.kernels.hashing import combine, hash_array
from headrace.kinds import Kind, canonical_array, kind_of
from headrace.validation._cells import Beside, Cell
from headrace.validation._contract import Example, Item, Measurement, Severity
from headrace.validation._distances import distances
from headrace.validation._located import Located, item_of
from headrace.validation._plain_drift import ERROR_RATE, plain_drift
from headrace.validation._profile import pool
from headrace.validation._rows import NUM_EXAMPLES, plain_value, row_index, without_roles
from headrace.validation._search import look

__all__ = ["find_skew"]

SURE_SHARE = 0.01  # of the rows joined: as many with another value are an error, fewer a warning
TOLERANCE = 1e-6  # relative: a request's float32 is the same number
PASS_BYTES = 256 * 2**20
CELL_BYTES = 24

Mask = npt.NDArray[np.bool_]


def find_skew(
    dataset: Dataset,
    serving: Dataset,
    engine: Engine,
    *,
    features: Mapping[str, Kind],
    limits: Mapping[str, Mapping[str, float]],
) -> tuple[list[Item], list[Measurement]]:
    """Compare rows served with rows trained on.

    Parameters
    ----------
    dataset, serving : Dataset
        What is trained on, and what was served.
    engine : Engine
        Folds both; what is kept of `dataset` serves again.
    features : mapping of str to Kind
        The columns that both should have: those of the schema in environment "serving".
    limits : mapping of str to (mapping of str to float)
        Column -> measure -> threshold that a person gave.

    By distribution every column of one kind on both sides is compared: a fault that leaves a mark in all rows is an
    error, beyond a threshold of ours a warning, beyond one given an error. By value, rows of equal key are: numbers
    that differ by more than a millionth, or anything else that is not equal, null and NaN being equal to themselves.
    Keys that come more than once on a side are not joined, and counted. Cost: one pass over both, and one more for
    each 256 MB of the columns joined.
    """
    ours, theirs = (without_roles(one) for one in (dataset, serving))
    kinds = _shared(dataset, serving, features)
    items: list[Item] = []
    measurements: list[Measurement] = []
    if not kinds or not dataset.num_rows or not serving.num_rows:
        why = "no column is of one kind on both sides" if dataset.num_rows and serving.num_rows else "a side is empty"
        return [Item("skew", None, None, "info", None, None, f"skew not compared: {why}")], []
    folds = [Distribution(name, kind) for name, kind in kinds.items()]
    both = Beside(theirs, ours, engine).whole(folds, [span.name for span in theirs.spans])
    hidden = dataset.roles.sensitive
    for name in kinds:
        cells = [columns[name] for columns in both.values()]
        cell = Cell(cells[0].history, pool([one.after for one in cells]))
        rate = ERROR_RATE / len(kinds)
        measured = distances(cell.before, cell.after, rate, limits.get(name, {}))
        measurements += [
            Measurement("skew", "serving", name, one.measure, one.value, one.noise, one.threshold, one.likelihood)
            for one in measured
        ]
        if name in dataset.roles.key:
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            faults = [Located(name, "serving", one) for one in look(cell, {}) if one.code != "missing"]
        noticed = any(one.is_noticeable for one in measured)
        found = [item_of([one], (), is_hidden=name in hidden) for one in faults if noticed]
        items += [_as_skew(item) for item in found or plain_drift(name, cell, measured, "serving")]
    return items + _by_value(dataset, serving, ours, theirs, kinds), measurements


def _as_skew(item: Item) -> Item:
    return replace(item, code=item.code.replace("drift", "skew", 1))


def _shared(dataset: Dataset, serving: Dataset, features: Mapping[str, Kind]) -> dict[str, Kind]:
    """The columns that all spans of both have, in one kind that can be compared."""
    found: dict[str, Kind] = {}
    schemas = [span.arrow_schema for one in (dataset, serving) for span in one.spans]
    for name, kind in features.items():
        places = [schema.field(place).type for schema in schemas for place in schema.get_all_field_indices(name)]
        is_there = len(places) == len(schemas) and all(kind_of(one) == kind for one in places)
        if is_there and kind not in ("null", "other") and name != dataset.roles.label:
            found[name] = kind
    return found


@dataclass
class _Joined:
    """What a join counted of one column, and where the first rows lie that differ."""

    num_other: int
    examples: list[Example]
    ratios: list[float]


def _by_value(dataset: Dataset, serving: Dataset, ours: Dataset, theirs: Dataset, kinds: dict[str, Kind]) -> list[Item]:
    key = [name for name in dataset.roles.key if name in kinds]
    if not key or len(key) < len(dataset.roles.key):
        why = "no key says which rows are the same; name it: ingest(..., key=)" if not key else "serving lacks the key"
        return [Item("skew_value", None, None, "info", None, None, f"skew by value not compared: {why}")]
    names = [name for name in kinds if name not in key]
    total = (dataset.num_rows + serving.num_rows) * len(kinds) * CELL_BYTES
    num_passes = max(1, math.ceil(total / PASS_BYTES))
    counted = {name: _Joined(0, [], []) for name in names}
    num_joined = num_repeated = 0
    for turn in range(num_passes):
        left, right = (_read(one, list(kinds), key, num_passes, turn) for one in (ours, theirs))
        (first, repeated), (second, repeated_too) = _once(left.hashes), _once(right.hashes)
        num_repeated += repeated + repeated_too
        _, at, to = np.intersect1d(left.hashes[first], right.hashes[second], assume_unique=True, return_indices=True)
        mine, other = first[at], second[to]
        order = np.argsort(other, kind="stable")  # examples in the order of what was served
        mine, other = mine[order], other[order]
        num_joined += len(mine)
        for name in names:
            was, now = left.rows[name].take(pa.array(mine)), right.rows[name].take(pa.array(other))
            differs = _differs(was, now)
            found = counted[name]
            found.num_other += int(differs.sum())
            hidden = name in dataset.roles.sensitive
            for place in np.flatnonzero(differs)[: NUM_EXAMPLES - len(found.examples)].tolist():
                part, row = right.parts[right.owners[other[place]]], int(right.places[other[place]])
                span = theirs.find_span(part.span)
                file = PurePath(span.fragments[part.fragment_index].locator).name
                value = None if hidden else plain_value(now[place])
                found.examples.append(Example(part.span, file, row_index(theirs, part, row), value))
            if kinds[name] in ("integer", "number") and not hidden:
                found.ratios += _ratios(was, now, differs)
    told = f"{num_joined:,} rows of serving are joined to rows trained on by {', '.join(key)}"
    told += f"; {num_repeated:,} rows whose key comes more than once on a side are not" if num_repeated else ""
    items = [Item("skew_value", None, None, "info", num_joined, None, told, num_rows=num_joined)]
    for name, found in counted.items():
        if found.num_other:
            share = found.num_other / num_joined
            message = (
                f"{name}: {found.num_other:,} of {num_joined:,} rows were served with another value than in training"
            )
            message += _ratio_words(found.ratios, found.num_other)
            severity: Severity = "error" if share >= SURE_SHARE else "warning"
            rows = tuple(found.examples)
            items.append(
                Item("skew_value", name, None, severity, share, SURE_SHARE, message, rows, num_rows=found.num_other)
            )
    return items


@dataclass
class _Side:
    """The rows of one side whose key falls into this pass; `owners` and `places` say where each lies."""

    hashes: npt.NDArray[np.uint64]
    rows: dict[str, pa.Array]
    parts: Sequence[Part]
    owners: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


def _read(dataset: Dataset, names: list[str], key: list[str], num_passes: int, turn: int) -> _Side:
    parts = list(dataset.parts())
    hashes, owners, places = [], [], []
    columns: dict[str, list[pa.Array]] = {name: [] for name in names}
    for owner, start, values in _batches(dataset, parts, names):
        found = np.zeros(len(values[names[0]]), np.uint64)
        is_whole = np.ones(len(found), np.bool_)
        for name in key:
            found = combine(found, hash_array(values[name]))
            is_whole &= to_bools(pc.is_valid(values[name]))
        kept = np.flatnonzero(is_whole & (found % np.uint64(num_passes) == turn))
        hashes.append(found[kept])
        owners.append(np.full(len(kept), owner, np.int64))
        places.append(kept + start)
        for name in names:
            columns[name].append(values[name].take(pa.array(kept)))
    if not hashes:
        empty = np.zeros(0, np.int64)
        return _Side(np.zeros(0, np.uint64), {name: pa.nulls(0) for name in names}, parts, empty, empty)
    rows = {name: pa.concat_arrays(found) for name, found in columns.items()}
    return _Side(np.concatenate(hashes), rows, parts, np.concatenate(owners), np.concatenate(places))


def _batches(dataset: Dataset, parts: list[Part], names: list[str]) -> Iterator[tuple[int, int, dict[str, pa.Array]]]:
    """(part's place, rows before it, columns) of each batch."""
    for owner, part in enumerate(parts):
        start = 0
        for rows in dataset.read(part, names):
            yield owner, start, {name: canonical_array(rows.batch.column(name), name=name) for name in names}
            start += rows.num_rows


def _once(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], int]:
    """(places of the hashes that come once, rows whose hash does not)."""
    _, places, counts = np.unique(hashes, return_index=True, return_counts=True)
    return places[counts == 1], int(counts[counts > 1].sum())


def _differs(was: pa.Array, now: pa.Array) -> Mask:
    """bool[num_rows]: which values are not the same; null equals null, NaN equals NaN."""
    no_was, no_now = (to_bools(pc.is_null(one, nan_is_null=True)) for one in (was, now))
    if pa.types.is_floating(was.type):
        first, second = (one.fill_null(0.0).to_numpy(zero_copy_only=False) for one in (was, now))
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(first - second) <= TOLERANCE * np.maximum(np.abs(first), np.abs(second))
        other = ~(near | (first == second))
    else:
        other = ~to_bools(pc.fill_null(pc.equal(was, now), False))
    return np.asarray((no_was != no_now) | (other & ~no_was & ~no_now), np.bool_)


def _ratios(was: pa.Array, now: pa.Array, differs: Mask) -> list[float]:
    """Up to a thousand quotients of what was served and what was trained on."""
    places = pa.array(np.flatnonzero(differs)[:1000])
    first, second = (one.take(places).cast(pa.float64()).fill_null(0.0).to_numpy() for one in (was, now))
    kept = (first != 0) & np.isfinite(first) & np.isfinite(second)
    quotients: list[float] = (second[kept] / first[kept]).tolist()
    return quotients


def _ratio_words(ratios: list[float], num_other: int) -> str:
    if len(ratios) < min(10, num_other):
        return ""
    middle = float(np.median(ratios))
    same = np.isclose(ratios, middle, rtol=1e-3, atol=0.0)
    return f": what is served is {middle:.4g} times that" if same.mean() >= 0.9 and middle != 1.0 else ""
