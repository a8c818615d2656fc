"""Where a fault is, and of what kind: signatures looked for in all rows and in every slice by one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from headrace.lookup import find, names
from headrace.validation._distances import wasserstein
from headrace.validation._profile import Profile, pool
from headrace.validation._signature import Change, Sign, Signature

__all__ = ["Cell", "Fault", "look"]

MIN_ROWS = 20  # of a slice, before and after: fewer are not judged
MIN_TOUCHED = 10
TIMES_NATURAL = 3.0
MAX_CELLS = 6
COVERED = 0.85
NEARLY_ALL = 0.8

Key = tuple[str, Any]
"""(slicing column, value)."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One feature in one slice, or in all rows: each earlier span, and the new one."""

    history: tuple[Profile, ...]
    after: Profile


@dataclass(frozen=True, eq=False)
class Fault:
    """A fault found.

    Parameters
    ----------
    key : (column, value) or None
        The slice; None = all rows.
    sign : Sign
        Its mark there.
    is_sure : bool
        Whether it is beyond what earlier spans show of themselves; False where there are too few to know.
    num_rows : int
        About how many rows of the new span are other than they would be.
    num_touched : int
        How many rows of the new span its mark is on; where a part of a continuous column is touched, about.
    """

    code: str
    key: Key | None
    sign: Sign
    is_sure: bool
    num_rows: int
    num_touched: int


def look(overall: Cell, slices: Mapping[str, Mapping[Any, Cell]]) -> list[Fault]:
    """The faults of one feature: at most one of nulls and one of values, each for the smallest slices explaining it.

    Parameters
    ----------
    overall : Cell
        All rows.
    slices : mapping of column to mapping of value to Cell
        The slices by each slicing column.
    """
    marks: dict[str, dict[str | None, list[Fault]]] = {}
    everywhere, is_moving = pool(overall.history), moves_on(overall.history)
    for fault in _signs(overall, None, everywhere, is_moving):
        marks.setdefault(fault.code, {})[None] = [fault]
    for column, cells in slices.items():
        for value, cell in cells.items():
            for fault in _signs(cell, (column, value), everywhere, is_moving):
                marks.setdefault(fault.code, {}).setdefault(column, []).append(fault)
    explained = {code: _explain(found, overall, slices) for code, found in marks.items()}
    answer = list(explained.pop("nulls", ([], 0.0))[0])
    if explained:
        answer += max(explained.values(), key=lambda one: one[1])[0]
    return answer


def _signatures() -> list[Signature]:
    found = [find("signature", name)() for name in names("signature")]
    return sorted(found, key=lambda one: (one.rank, one.code))


def _signs(cell: Cell, key: Key | None, everywhere: Profile, is_moving: bool) -> list[Fault]:
    """What marks this cell beyond nature: those of rank 0, and the first of the others."""
    history = [profile for profile in cell.history if profile.num_rows]
    after = cell.after
    if not history or after.num_rows < MIN_ROWS or sum(one.num_rows for one in history) < MIN_ROWS:
        return []
    change = _change(history, after, everywhere, key is None)
    found: list[Fault] = []
    for signature in _signatures():
        if signature.rank and (is_moving or any(fault.code != "nulls" for fault in found)):
            break
        sign = signature.find(change)
        if sign is None or sign.rate < max(signature.min_rate, sign.noise) or sign.rate * after.num_rows < MIN_TOUCHED:
            continue
        natural = _natural(signature, history, everywhere, key is None)
        if natural is not None and sign.rate < TIMES_NATURAL * natural:
            continue
        is_sure = natural is not None or sign.is_plain
        num_rows = round(sign.rate * after.num_rows)
        found.append(Fault(signature.code, key, sign, is_sure, num_rows, _touched(sign, after)))
    return found


def _touched(sign: Sign, after: Profile) -> int:
    if sign.touches == "nulls":
        return after.num_missing
    if sign.listed is not None:
        return int(after.counts[np.isin(after.values, sign.listed)].sum())
    return after.num_present


def _change(history: Sequence[Profile], after: Profile, everywhere: Profile, is_all: bool) -> Change:
    enough = [profile for profile in history if profile.num_rows >= MIN_ROWS] or list(history)
    before = pool(history)
    steps = [wasserstein(*pair) for pair in pairwise(enough)] if before.is_number else []
    step = max(steps) if len(steps) >= 2 else None
    return Change(before, enough[-1], after, before if is_all else everywhere, step, is_all)


def _natural(signature: Signature, history: Sequence[Profile], everywhere: Profile, is_all: bool) -> float | None:
    """The strongest mark of this kind between an earlier span and the others, either way; None where few are known."""
    rates = []
    for index, profile in enumerate(history):
        others = [other for place, other in enumerate(history) if place != index]
        if profile.num_rows < MIN_ROWS or sum(other.num_rows for other in others) < MIN_ROWS:
            continue
        there = [*others[:index], others[index - 1]] if index else others[:1]  # the span before it is the latest
        forth = replace(_change(others, profile, everywhere, is_all), latest=there[-1])
        back = replace(forth, before=profile, latest=profile, after=forth.before)
        signs = (signature.find(change) for change in (forth, back))
        rates.append(max((sign.rate for sign in signs if sign is not None), default=0.0))
    return max(rates) if len(rates) >= 2 else None


def moves_on(history: Sequence[Profile]) -> bool:
    """Whether every earlier span has values of its own: a month, a counter, a date. Such a column is never the same."""
    if len(history) < 2 or not all(one.is_exact and one.num_present for one in history):
        return False
    return all(
        one.share_unseen(pool([*history[:place], *history[place + 1 :]])) >= NEARLY_ALL
        for place, one in enumerate(history)
    )


def _explain(
    found: Mapping[str | None, list[Fault]], overall: Cell, slices: Mapping[str, Mapping[Any, Cell]]
) -> tuple[list[Fault], float]:
    """The fewest rows that hold nearly all of it, and how good an explanation that is: rows touched x their share."""
    most = max(sum(fault.num_rows for fault in faults) for faults in found.values())
    choices: list[tuple[int, int, str, list[Fault]]] = []
    for column, faults in found.items():
        if sum(fault.num_rows for fault in faults) < COVERED * most:
            continue
        if column is None:
            choices.append((overall.after.num_rows, 0, "", faults))
            continue
        rows = sum(slices[column][fault.key[1]].after.num_rows for fault in faults if fault.key is not None)
        is_nearly_all = rows > NEARLY_ALL * overall.after.num_rows or len(faults) > MAX_CELLS
        if not (is_nearly_all and None in found):
            choices.append((rows, len(faults), column, faults))
    if not choices:
        choices = [(overall.after.num_rows, 0, "", found[None])]
    rows, _, _, faults = min(choices, key=lambda choice: choice[:3])
    touched = sum(fault.num_rows for fault in faults)
    return faults, touched * touched / max(1, rows)
