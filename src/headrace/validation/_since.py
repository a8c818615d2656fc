"""Since when: the first fragment of a new span that bears a fault's mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from headrace.fold import Distribution
from headrace.slicing import SliceSpec
from headrace.validation._cells import MIN_ROWS, Beside, Cell
from headrace.validation._profile import Profile
from headrace.validation._search import Fault, marks

__all__ = ["find_since"]

MAX_FRAGMENTS = 200
MOST = 0.8  # of the fragments after the first: so many must bear the mark too


def find_since(beside: Beside, span: str, fold: Distribution, fault: Fault, cell: Cell) -> str | None:
    """ "fragment 7 (part-7.parquet)", counted from 0; None where the first fragment bears it, or it comes and goes.

    Fragments with fewer than 20 rows of the slice are passed over. Cost: reads the column and those of the slice, in
    the new span, where that has two fragments or more.
    """
    fragments = beside.dataset.find_span(span).fragments
    if not 2 <= len(fragments) <= MAX_FRAGMENTS or fault.sign.touches == "none":
        return None
    columns = tuple(column for column, _ in fault.key)
    if columns:
        cells = beside.by_slice([fold], [columns], span)[fold.column][columns]
        found = cells.get(tuple(value for _, value in fault.key))
        if found is None:
            return None
        part_cell = found
    else:
        part_cell = cell
    seen: list[tuple[int, bool]] = []
    for index in range(len(fragments)):
        profile = _profile(beside, span, index, fold, fault)
        if profile is not None and profile.num_rows >= MIN_ROWS:
            bears = marks(fault.code, replace(part_cell, after=profile), cell.before, not fault.key)
            seen.append((index, bears))
    first = next((place for place, (_, bears) in enumerate(seen) if bears), None)
    if not first or sum(bears for _, bears in seen[first:]) < MOST * len(seen[first:]):
        return None
    index = seen[first][0]
    return f"fragment {index} ({PurePath(fragments[index].locator).name})"


def _profile(beside: Beside, span: str, index: int, fold: Distribution, fault: Fault) -> Profile | None:
    """The column in one fragment's rows of the slice; None where it has none."""
    dataset, engine = beside.dataset, beside.engine
    parts = [part for part in dataset.parts(spans=[span]) if part.fragment_index == index]
    if not fault.key:
        [state] = engine.fold([fold], dataset, parts)
        return Profile.of(fold.extract(state)[0])  # type: ignore[arg-type]  # its own fold's state
    columns = tuple(column for column, _ in fault.key)
    [grouped] = engine.fold_by_key([fold], [SliceSpec(columns)], dataset, parts)
    keys = list(zip(*(column.to_pylist() for column in grouped.keys.columns), strict=True))
    values = tuple(value for _, value in fault.key)
    if values not in keys:
        return None
    result = fold.extract(grouped.states[0])  # type: ignore[arg-type]  # its own fold's state
    return Profile.of(result[keys.index(values)])
