"""Where a fault is, and of what kind: signatures looked for in all rows and in every slice by one column."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from headrace.lookup import find, names
from headrace.validation._cells import MIN_ROWS, Cell, Cells
from headrace.validation._distances import gap, gap_noise
from headrace.validation._profile import Profile, pool
from headrace.validation._signature import Change, Sign, Signature

__all__ = ["MIN_MOVED", "TIMES_NATURAL", "Fault", "Key", "explain", "look", "marks", "moves_on"]

MIN_MOVED = 10  # rows
STAYED = 0.05
THIN, MIN_SPANS = 500, 5  # rows of a slice, and earlier spans that tell what is usual in so few
MIN_LIKELY = 5  # where their likelihood tells of them
TIMES_NATURAL = 4.0
MAX_CELLS = 6
COVERED = 0.85
NEARLY_ALL = 0.8
DENSER = 1.15  # times as many of a slice's rows as of all, or it is no better explanation than all
MUCH_DENSER = 1.5  # several slices are more words
THROUGHOUT = 0.97
MOVED_ON = 0.95

Key = tuple[tuple[str, Any], ...]
"""(slicing column, value) of each column rows are cut by, in the columns' order by name; () = all rows."""


@dataclass(frozen=True, eq=False)
class Fault:
    """A fault found.

    Parameters
    ----------
    code : str
        The signature's.
    key : Key
        The slice.
    sign : Sign
        Its mark there.
    is_sure : bool
        Whether it is beyond what earlier spans show of themselves; False where there are too few to know.
    num_moved : int
        About how many rows of the new span are other than they would be.
    num_touched : int
        How many rows of the new span bear the mark; where a part of a continuous column does, all that may.
    num_rows : int
        Rows of the slice in the new span.
    """

    code: str
    key: Key
    sign: Sign
    is_sure: bool
    num_moved: int
    num_touched: int
    num_rows: int


def look(cell: Cell, slices: Mapping[str, Cells], *, inside: Key = (), whole: Cell | None = None) -> list[Fault]:
    """The faults of one feature: at most one kind of nulls and one of values, for the smallest slices explaining it.

    Parameters
    ----------
    cell : Cell
        All rows, or those of a slice that is looked into.
    slices : mapping of column to Cells
        Its parts by each slicing column, under one-tuples of values.
    inside : Key
        The slice that is looked into.
    whole : Cell, optional
        The feature in all rows; by default the cell is.
    """
    everywhere = cell.before if whole is None else whole.before
    is_moving = moves_on(cell.history)
    marks: dict[str, dict[str, list[Fault]]] = {}
    for fault in _faults(cell, inside, everywhere, is_moving, around=whole):
        marks.setdefault(fault.code, {})[""] = [fault]
    for column, cells in slices.items():

        def judge(values: tuple[Any, ...], around: Cell, column: str = column, cells: Cells = cells) -> list[Fault]:
            key = tuple(sorted((*inside, (column, values[-1])), key=lambda pair: pair[0]))
            return _faults(cells[values], key, everywhere, is_moving, _fell(cells[values], cell), around)

        found = {values: judge(values, whole or cell) for values in cells}
        for fault in _beside_the_strongest(found, cells, whole or cell, judge):
            marks.setdefault(fault.code, {}).setdefault(column, []).append(fault)
    explained = {code: explain(found, cell.after.num_rows) for code, found in marks.items()}
    answer = list(explained.pop("nulls", ([], 0.0))[0])
    nats = {code: sum(fault.sign.nats for fault in faults) for code, (faults, _) in explained.items()}
    likeliest = max(nats.values(), default=0.0)
    explained = {code: one for code, one in explained.items() if not 0.0 < nats[code] < likeliest}
    explained = {code: one for code, one in explained.items() if not _is_said(code, one[0], explained)}
    if explained:
        answer += max(explained.values(), key=lambda one: one[1])[0]
    return answer


def _is_said(code: str, faults: Sequence[Fault], explained: Mapping[str, tuple[list[Fault], float]]) -> bool:
    """Whether another fault of all rows says it too: where all are cut off at a value, in some slices all are stuck."""
    values = {fault.sign.value for fault in faults}
    wholes = [found[0] for other, (found, _) in explained.items() if other != code and found and not found[0].key]
    return bool(faults[0].key) and any(one.sign.is_throughout and {one.sign.value} == values for one in wholes)


def _beside_the_strongest(
    found: Mapping[tuple[Any, ...], list[Fault]],
    cells: Cells,
    around: Cell,
    judge: Callable[[tuple[Any, ...], Cell], list[Fault]],
) -> list[Fault]:
    """All faults, but slices held against the others are judged again without the one that is farthest off: beside it
    those that stayed look as if they had moved the other way.
    """
    pairs = [(fault, values) for values, some in found.items() for fault in some]
    codes = {fault.code for fault, _ in pairs if fault.sign.is_measured}
    alike = [pair for pair in pairs if pair[0].code in codes]
    if len(alike) < 2:
        return [fault for fault, _ in pairs]
    # One that history alone tells of needs no others to be believed.
    first = max(alike, key=lambda pair: (not pair[0].sign.is_measured, pair[0].sign.strength))[1]
    rest = _rest(around, cells[first])
    answer: list[Fault] = []
    for values, some in found.items():
        if values != first and any(fault.sign.is_measured for fault in some):
            some = judge(values, rest) if rest is not None else []
        answer += some
    return answer


def _rest(around: Cell, part: Cell) -> Cell | None:
    """The rows around a slice; None where they are not known span by span."""
    if len(around.history) != len(part.history):
        return None
    pairs = zip((*around.history, around.after), (*part.history, part.after), strict=True)
    rest = [one for whole, some in pairs if (one := whole.without(some)) is not None]
    return Cell(tuple(rest[:-1]), rest[-1]) if len(rest) == len(part.history) + 1 else None


def marks(code: str, cell: Cell, everywhere: Profile, is_all: bool) -> bool:
    """Whether a cell bears the mark of that signature, usual or not."""
    history = [profile for profile in cell.history if profile.num_rows]
    signature = next((one for one in _signatures() if one.code == code), None)
    if signature is None or not history:
        return False
    sign = signature.find(_change(history, cell.before, cell.after, everywhere, is_all))
    return sign is not None and sign.rate >= max(signature.min_rate, sign.noise)


@functools.cache
def _signatures() -> tuple[Signature, ...]:
    made = [find("signature", name)() for name in names("signature")]
    found = [one for one in made if isinstance(one, Signature)]  # the others look at whole spans
    return tuple(sorted(found, key=lambda one: (one.rank, one.code)))


def _fell(part: Cell, whole: Cell) -> float:
    """Of the rows that a slice was to have, by its share before, those that it lacks."""
    was = part.before.num_rows / max(1, whole.before.num_rows)
    now = part.after.num_rows / max(1, whole.after.num_rows)
    return max(0.0, 1 - now / was) if was else 0.0


def _faults(
    cell: Cell, key: Key, everywhere: Profile, is_moving: bool, fell: float = 1.0, around: Cell | None = None
) -> list[Fault]:
    """What marks this cell beyond nature: signs of rank 0, and the first of the others."""
    after = cell.after
    history = [profile for profile in cell.history if profile.num_rows]
    if after.num_rows < MIN_ROWS or sum(one.num_rows for one in history) < MIN_ROWS:
        return []
    change = replace(_change(history, cell.before, after, everywhere, not key), fell=fell, around=around)
    found: list[Fault] = []
    for signature in _signatures():
        if signature.rank and (is_moving or any(fault.code != "nulls" for fault in found)):
            break
        sign = signature.find(change)
        if sign is None or sign.rate < max(0.0 if sign.nats else signature.min_rate, sign.noise):
            continue
        num_moved = round(sign.rate * (after.num_rows if sign.touches == "nulls" else after.num_present))
        if num_moved < (MIN_LIKELY if sign.nats else MIN_MOVED):
            continue
        natural = 0.0 if sign.is_measured or sign.is_first else _natural(signature, history, everywhere, not key)
        if natural is not None and sign.strength < TIMES_NATURAL * natural:
            continue
        is_sure = natural is not None or sign.is_plain or (bool(key) and sign.nats > 0 and _stayed(cell, around))
        if key and after.num_rows < THIN and len(history) < MIN_SPANS and change.has_many:
            is_sure = False
        found.append(Fault(signature.code, key, sign, is_sure, num_moved, _touched(sign, after), after.num_rows))
    return found


def _stayed(part: Cell, around: Cell | None) -> bool:
    """Whether the rows around a slice are as before: then it is no season, though one earlier span alone is known."""
    rest = _rest(around, part) if around is not None else None
    if rest is None or min(rest.before.num_present, rest.after.num_present) < MIN_ROWS:
        return False
    return gap(rest.before, rest.after) <= gap_noise(rest.before, rest.after, STAYED)


def _touched(sign: Sign, after: Profile) -> int:
    if sign.touches == "none":
        return 0
    if sign.touches == "nulls":
        return after.num_missing
    if sign.listed is not None:
        return int(after.counts[np.isin(after.values, sign.listed)].sum())
    return after.num_present


def _change(history: Sequence[Profile], before: Profile, after: Profile, everywhere: Profile, is_all: bool) -> Change:
    enough = tuple(profile for profile in history if profile.num_rows >= MIN_ROWS) or tuple(history)
    return Change(tuple(history), before, enough[-1], after, before if is_all else everywhere, enough, is_all)


def _natural(signature: Signature, history: Sequence[Profile], everywhere: Profile, is_all: bool) -> float | None:
    """The strongest mark of this kind between an earlier span and the others, either way; None where few are known."""
    rates = []
    for index, profile in enumerate(history):
        others = [other for place, other in enumerate(history) if place != index]
        if profile.num_rows < MIN_ROWS or sum(other.num_rows for other in others) < MIN_ROWS:
            continue
        forth = _change(others, pool(others), profile, everywhere, is_all)
        forth = replace(forth, latest=others[max(0, index - 1)])  # the span before it
        back = replace(forth, history=(profile,), before=profile, latest=profile, after=forth.before)
        signs = (signature.find(change) for change in (forth, back))
        rates.append(max((sign.strength for sign in signs if sign is not None), default=0.0))
    return max(rates) if len(rates) >= 2 else None


def moves_on(history: Sequence[Profile]) -> bool:
    """Whether each earlier span left the values of the one before it: a month, a counter. Such numbers never stay."""
    pairs = [pair for pair in pairwise(history) if all(one.num_present for one in pair)]
    return len(pairs) >= 1 and pairs[0][0].is_number and all(gap(*pair) >= MOVED_ON for pair in pairs)


def explain(found: Mapping[str, list[Fault]], num_rows: int) -> tuple[list[Fault], float]:
    """The fewest rows that hold nearly all of it, and how good an explanation that is: rows moved x their share.

    `found` has the faults by slicing column, under "" that of all rows.
    """
    moved = {column: sum(fault.num_moved for fault in faults) for column, faults in found.items()}
    # Where likelihoods are known they tell better than counts of rows what a place explains.
    is_likely = all(fault.sign.nats for faults in found.values() for fault in faults)
    held = (
        {column: sum(fault.sign.nats for fault in faults) for column, faults in found.items()} if is_likely else moved
    )
    in_all = sum(fault.num_rows for fault in found.get("", ()))
    rate = moved.get("", 0) / in_all if in_all else 0.0
    choices = []
    is_throughout = any(
        fault.sign.is_throughout or fault.num_moved >= THROUGHOUT * fault.num_rows for fault in found.get("", ())
    )
    for column, faults in found.items():
        if is_throughout and len(faults) > 1:
            continue  # one map of all rows says it in fewer words
        rows = sum(fault.num_rows for fault in faults)
        is_everywhere = column != "" and (rows > NEARLY_ALL * num_rows or len(faults) > MAX_CELLS)
        denser = DENSER if len(faults) == 1 else MUCH_DENSER
        is_denser = column == "" or moved[column] >= denser * rate * rows
        if is_denser and held[column] >= COVERED * max(held.values()) and not (is_everywhere and "" in found):
            choices.append((rows, len(faults), column))
    rows, _, column = min(choices, default=(num_rows, 0, ""))
    return found[column], moved[column] ** 2 / max(1, rows)
