"""Only the shares have moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from headrace.fold import Distribution
from headrace.validation._cells import Cell, Cells
from headrace.validation._distances import Distance, distances
from headrace.validation._profile import Profile, pool
from headrace.validation._search import Fault
from headrace.validation._signature import Sign, shown
from headrace.validation._span_signature import SpanChange, SpanFault, SpanSignature

__all__ = ["Mixture", "has_moved"]

RATE = 1e-5
SHARES = ("nulls", "stuck")
LEFT = 0.3  # of a distance: what may be left when shares are put as they are now
WEIGHTED = 1000  # so many counts stand for one row while rows are weighted


class Mixture(SpanSignature):
    """Slices are what they were, and only their shares of the rows are others: more flights of one carrier. Nothing is
    broken, so it is a warning of the column whose shares moved; columns that follow it are told with it.

    For each column that rows are cut by, whose categories have drifted without new ones: were the earlier rows in the
    new shares, how far would every other column be from what it is? Where most of its distance goes, the column
    follows. A column that does not follow is judged by itself: a season may have moved it too. But what it shows in
    a slice, nulls or one value more often, may follow there: that is settled by the same question, asked of the slice.
    """

    code = "mixture"
    rank = 9

    def find(self, change: SpanChange) -> list[SpanFault]:
        """The columns whose shares moved, the one that explains most first."""
        candidates = [
            name
            for name in change.columns
            if has_moved(change.whole[name]) and not any(_is_own(one) for one in change.faults.get(name, ()))
        ]
        measured = {name: distances(cell.before, cell.after, RATE) for name, cell in change.whole.items()}
        follows = {
            name: [other for other in change.slices if other != name and _follows(change, other, name, measured[other])]
            for name in candidates
        }
        answer: list[SpanFault] = []
        taken: set[str] = set()
        for name in sorted(candidates, key=lambda one: (-len(follows[one]), one)):
            if name not in taken:
                explained = [other for other in follows[name] if other not in taken]
                taken |= {name, *explained}
                fault = _fault(self.code, change.whole[name], explained)
                answer.append(SpanFault(name, fault, (name, *explained), _settled(change, name)))
        return answer

    def leaves(self, name: str, fault: Fault, found: SpanFault) -> bool:
        """Within the values whose shares moved everything must be as before: what is not is told all the same."""
        if name == found.feature:
            return fault.sign.is_plain and fault.code != "nulls"
        return any(column == found.feature for column, _ in fault.key)


def _is_own(fault: Fault) -> bool:
    """Whether other shares cannot be what a column shows: a plain mark, or one that its slices do not share."""
    return fault.sign.is_plain or fault.sign.is_measured or fault.code == "missing"


def has_moved(cell: Cell) -> bool:
    """Whether the shares of a column's values have drifted, without new values or nulls."""
    measured = distances(cell.before, cell.after, RATE)
    moved = any(one.measure == "jensen_shannon" and one.has_drifted for one in measured)
    return moved and not any(one.measure in ("never_seen", "nulls") and one.has_drifted for one in measured)


def _follows(change: SpanChange, name: str, cut: str, measured: list[Distance]) -> bool:
    """Whether a column is as it was, were the earlier rows cut in the new shares."""
    return _is_as_it_was(change.slices[name].get(cut), measured, change.whole[name].after.num_rows)


def _settled(change: SpanChange, cut: str) -> tuple[Fault, ...]:
    """Faults of other columns that say how often something is, and that the new shares of this one make so often."""
    found = []
    for name, faults in change.faults.items():
        for fault in faults:
            columns, values = tuple(column for column, _ in fault.key), tuple(value for _, value in fault.key)
            if fault.code not in SHARES or name == cut or cut in columns:
                continue
            folds = [Distribution(name, change.whole[name].after.kind)]
            by = change.beside.by_slice(folds, [(*columns, cut)], change.span, within=values, min_rows=1)
            cells = by[name][*columns, cut]
            sides = [pool([getattr(cell, side) for cell in cells.values()]) for side in ("before", "after")]
            measured = distances(sides[0], sides[1], RATE)
            if fault.code == "nulls":
                measured = [one for one in measured if one.measure == "nulls"]
            if _is_as_it_was(cells, measured, fault.num_rows):
                found.append(fault)
    return tuple(found)


def _is_as_it_was(cells: Cells | None, measured: list[Distance], num_rows: int) -> bool:
    """Whether rows are as they were, were earlier ones in the shares of these cells now; cells that are new are not."""
    noticed = [one for one in measured if one.is_noticeable]
    if not cells or not noticed:
        return False
    expected, after = reweighted(cells)
    if not expected.num_present or after.num_rows < 0.9 * num_rows:
        return False
    left = {one.measure: one.value for one in distances(expected, after, RATE)}
    return all(
        left.get(one.measure, 0.0) <= one.threshold
        and (not one.has_drifted or left.get(one.measure, 0.0) <= max(one.noise, LEFT * one.value))
        for one in noticed
    )


def reweighted(cells: Mapping[Any, Cell] | Cells) -> tuple[Profile, Profile]:
    """(earlier rows of these slices in the shares that the slices have now, the new rows).

    >>> a, b = (Profile("integer", 4, 0, np.array([value]), np.array([4])) for value in (1, 2))
    >>> twice = Profile("integer", 8, 0, np.array([2]), np.array([8]))
    >>> expected, _ = reweighted({("a",): Cell((a,), a), ("b",): Cell((b,), twice)})
    >>> np.round(expected.shares, 3).tolist()
    [0.333, 0.667]
    """
    kept = [cell for cell in cells.values() if cell.before.num_rows and cell.after.num_rows]
    was = sum(cell.before.num_rows for cell in kept)
    now = sum(cell.after.num_rows for cell in kept)
    parts = []
    for cell in kept:
        weight = WEIGHTED * (cell.after.num_rows / now) / (cell.before.num_rows / was)
        one = cell.before
        parts.append(
            replace(
                one,
                num_rows=round(one.num_rows * weight),
                num_missing=round(one.num_missing * weight),
                counts=np.maximum(1, np.round(one.counts * weight)).astype(np.int64),
            )
        )
    empty = Profile("integer", 0, 0, np.zeros(0, np.int64), np.zeros(0, np.int64))
    return (pool(parts), pool([cell.after for cell in kept])) if kept else (empty, empty)


def _fault(code: str, cell: Cell, explained: list[str]) -> Fault:
    before, after = cell.before, cell.after
    was = dict(zip(before.values.tolist(), before.shares.tolist(), strict=True))
    now = dict(zip(after.values.tolist(), after.shares.tolist(), strict=True))
    moves = sorted(was.keys() | now.keys(), key=lambda value: (-abs(now.get(value, 0) - was.get(value, 0)), str(value)))
    told = [f"{shown(value)} {100 * was.get(value, 0):.3g} % -> {100 * now.get(value, 0):.3g} %" for value in moves[:3]]
    rate = sum(abs(now.get(value, 0.0) - was.get(value, 0.0)) for value in moves) / 2
    listed = ", ".join(explained[:5]) + (f" and {len(explained) - 5} more" if len(explained) > 5 else "")
    words = "the shares of its values have moved: " + ", ".join(told)
    words += f"; within each of them {listed} {'is' if len(explained) == 1 else 'are'} as before" if explained else ""
    first = moves[0]
    sign = Sign(
        rate,
        rate,
        words,
        is_plain=False,
        hint="another mixture; nothing is broken",
        before=was.get(first, 0.0),
        after=now.get(first, 0.0),
        touches="none",
    )
    rows = after.num_rows
    return Fault(code, (), sign, False, round(rate * rows), round(rate * rows), rows)
