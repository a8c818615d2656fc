"""Folding with kept states: what is known about a part is taken from the cache, the rest is read, folded and kept.

States are kept for whole parts: one split of one span, fragments merged. Those of a whole span are the merge of its
splits' where all of these are kept; where they are not, the span is folded as it is and kept under the digests of
its splits together.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.canonical import digest
from headrace.dataset import Dataset, Part
from headrace.dataset.manifest import part_name
from headrace.engine._contract import AnyFold, Grouped, Keys, PartName
from headrace.engine.grouping import GroupTable
from headrace.engine.states import Kept
from headrace.fold import State, grow

__all__ = ["Tally", "Unit", "arrange", "fold_units", "group_units", "join", "join_groups", "units_of"]

_ZERO = np.zeros(1, np.int32)


@dataclass
class Tally:
    """Rows that were read, and rows that kept states stood for; shared by the threads of a process."""

    rows_read: int = 0
    rows_reused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, read: int = 0, reused: int = 0) -> None:
        """Count rows."""
        with self._lock:
            self.rows_read += read
            self.rows_reused += reused


@dataclass(frozen=True)
class Unit:
    """What states are kept for: all fragments of one split of one span, or of a whole span.

    Parameters
    ----------
    name : (span, split)
        Split None = all rows.
    parts : tuple of Part
        Its fragments.
    rows : str or None
        The digest its states are filed under; None = not known, or not all fragments are asked for.
    splits : tuple of str
        Of a whole span: the digests of its splits.
    num_rows : int
        Rows, where `rows` is known.
    """

    name: PartName
    parts: tuple[Part, ...]
    rows: str | None
    splits: tuple[str, ...] = ()
    num_rows: int = 0


def units_of(dataset: Dataset, parts: Sequence[Part]) -> list[Unit]:
    """The parts by span and split, in the order in which they are first named. Reads nothing."""
    by_name: dict[PartName, list[Part]] = {}
    for part in parts:
        by_name.setdefault((part.span, part.split), []).append(part)
    summary = dataset.known_summary
    units = []
    for (span, split), found in by_name.items():
        is_whole = sorted(part.fragment_index for part in found) == list(range(len(dataset.find_span(span).fragments)))
        splits = dataset.split_names if split is None else (split,)
        names = [part_name(span, one) for one in splits]
        if not is_whole or any(name not in summary.digests for name in names):
            units.append(Unit((span, split), tuple(found), None))
            continue
        digests = tuple(summary.digests[name] for name in names)
        rows = digests[0] if len(digests) == 1 else digest(["all splits", list(digests)])
        num_rows = sum(sum(summary.rows[name]) for name in names)
        units.append(Unit((span, split), tuple(found), rows, digests if len(digests) > 1 else (), num_rows))
    return units


def fold_units(
    kept: Kept,
    folds: Sequence[AnyFold],
    units: Sequence[Unit],
    fold_anew: Callable[[list[AnyFold], list[Part]], list[list[State]]],
    tally: Tally,
    at_once: int,
) -> Iterator[tuple[Unit, list[State]]]:
    """Each unit with one state of one group for each fold: kept ones first, then the others, as they are read.

    `fold_anew` reads parts and answers as `Engine.fold` would, part by part; at most `at_once` fragments are asked of
    it together, so that memory holds the states of so many, whatever the number of units.
    """
    lacking: dict[tuple[int, ...], list[Unit]] = {}
    for unit in units:
        found = _find(kept, folds, unit)
        if len(found) == len(folds):
            tally.add(reused=unit.num_rows)
            yield unit, [found[index] for index in range(len(folds))]
        else:
            missing = tuple(index for index in range(len(folds)) if index not in found)
            lacking.setdefault(missing, []).append(unit)
    for missing, waiting in lacking.items():
        for chunk in _chunks(waiting, at_once):
            answers = iter(
                fold_anew([folds[index] for index in missing], [part for unit in chunk for part in unit.parts])
            )
            for unit in chunk:
                states: dict[int, State] = {}
                for _ in unit.parts:
                    for index, state in zip(missing, next(answers), strict=True):
                        states[index] = join(folds[index], states.get(index), state)
                if unit.rows is not None:
                    kept.keep(unit.rows, states)
                if len(missing) < len(folds):
                    states = _find(kept, folds, unit) | states
                    tally.add(reused=unit.num_rows)
                for index, fold in enumerate(folds):
                    if index not in states:  # it was there a moment ago: somebody has removed it
                        for (state,) in fold_anew([fold], list(unit.parts)):
                            states[index] = join(fold, states.get(index), state)
                yield unit, [states[index] for index in range(len(folds))]


def _find(kept: Kept, folds: Sequence[AnyFold], unit: Unit) -> dict[int, State]:
    if unit.rows is None:
        return {}
    found = kept.find(unit.rows)
    if unit.splits and len(found) < len(folds):
        by_split = [kept.find(rows) for rows in unit.splits]
        for index, fold in enumerate(folds):
            if index not in found and all(index in states for states in by_split):
                total = by_split[0][index]
                for states in by_split[1:]:
                    total = join(fold, total, states[index])
                found[index] = total
    return found


def _chunks(units: Sequence[Unit], at_once: int) -> Iterator[list[Unit]]:
    """Units with about so many fragments together; those of one span, which are read together, are not parted."""
    chunk: list[Unit] = []
    fragments: set[tuple[str, int]] = set()
    for unit in sorted(units, key=lambda unit: unit.name[0]):
        if len(fragments) >= at_once and unit.name[0] != chunk[-1].name[0]:
            yield chunk
            chunk, fragments = [], set()
        chunk.append(unit)
        fragments |= {(part.span, part.fragment_index) for part in unit.parts}
    if chunk:
        yield chunk


def group_units(
    kept: Kept,
    folds: Sequence[AnyFold],
    keys: Sequence[Keys],
    units: Sequence[Unit],
    group_anew: Callable[[list[AnyFold], list[Part]], list[list[Grouped]]],
    tally: Tally,
    at_once: int,
) -> Iterator[list[Grouped]]:
    """For each unit one Grouped for each of the keys, kept or read now; see `fold_units`."""
    every = tuple(range(len(folds)))
    lacking: dict[tuple[int, ...], list[Unit]] = {}
    for unit in units:
        found = _find_groups(kept, unit)
        missing = tuple(index for index in every if any(index not in states for _, states in found)) if found else every
        if found and not missing:
            tally.add(reused=unit.num_rows)
            yield [_grouped(table, [states[index] for index in every]) for table, states in found]
        else:
            lacking.setdefault(missing, []).append(unit)
    for missing, waiting in lacking.items():
        some = [folds[index] for index in missing]
        for chunk in _chunks(waiting, at_once):
            answers = iter(group_anew(some, [part for unit in chunk for part in unit.parts]))
            for unit in chunk:
                of_parts = [next(answers) for _ in unit.parts]
                answer = of_parts[0] if len(of_parts) == 1 else join_groups(some, keys, of_parts)
                states = [dict(zip(missing, one.states, strict=True)) for one in answer]
                if unit.rows is not None:
                    tables = [_with_counts(one) for one in answer]
                    kept.keep_groups(unit.rows, list(zip(tables, states, strict=True)))
                if len(missing) < len(folds):
                    found = _find_groups(kept, unit)
                    if not found or any(len(of_key) < len(folds) for _, of_key in found):
                        # It was there a moment ago: somebody has removed it.
                        anew = group_anew(list(folds), list(unit.parts))
                        yield anew[0] if len(anew) == 1 else join_groups(folds, keys, anew)
                        continue
                    tally.add(reused=unit.num_rows)
                    states = [of_key for _, of_key in found]
                yield [
                    Grouped(one.keys, one.num_rows, [of_key[index] for index in every])
                    for one, of_key in zip(answer, states, strict=True)
                ]


def _find_groups(kept: Kept, unit: Unit) -> list[tuple[pa.Table, dict[int, State]]]:
    found = None if unit.rows is None else kept.find_groups(unit.rows)
    return found or []


def _grouped(table: pa.Table, states: list[State]) -> Grouped:
    return Grouped(table.drop_columns([_ROWS]), _counts(table), states)


_ROWS = "@num_rows"  # no source column can begin so


def _with_counts(grouped: Grouped) -> pa.Table:
    counts = np.ascontiguousarray(grouped.num_rows)
    column = pa.Array.from_buffers(pa.int64(), len(counts), [None, pa.py_buffer(counts)])
    return grouped.keys.append_column(_ROWS, column) if grouped.keys.num_columns else pa.table({_ROWS: column})


def _counts(table: pa.Table) -> Any:
    column = table[_ROWS].combine_chunks()
    found = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    return np.frombuffer(found.buffers()[1] or b"", np.int64, count=found.offset + len(found))[found.offset :]


def join_groups(folds: Sequence[AnyFold], keys: Sequence[Keys], answers: Iterable[list[Grouped]]) -> list[Grouped]:
    """Many answers of `fold_by_key` as one: groups of equal keys merged, in canonical order."""
    answers = iter(answers)
    first, second = next(answers, None), next(answers, None)
    if first is not None and second is None:
        return first
    answers = itertools.chain([one for one in (first, second) if one is not None], answers)
    tables = [GroupTable(key.columns) for key in keys]
    totals: list[list[State]] = [[fold.create(0) for fold in folds] for _ in keys]
    counts = [np.zeros(0, np.int64) for _ in keys]
    for answer in answers:
        for slot, (table, grouped) in enumerate(zip(tables, answer, strict=True)):
            places = _ZERO
            if table.columns:
                batches = grouped.keys.combine_chunks().to_batches()
                if not batches:
                    continue
                numbers = table.number(batches[0])
                assert numbers is not None, "it has key columns"
                places = numbers
            room = table.num_groups
            counts[slot] = np.concatenate([counts[slot], np.zeros(room - len(counts[slot]), np.int64)])
            np.add.at(counts[slot], places, grouped.num_rows)
            for index, fold in enumerate(folds):
                total = grow(fold, totals[slot][index], room)
                totals[slot][index] = fold.merge(total, grouped.states[index], places)
    joined = []
    for slot, table in enumerate(tables):
        named, order, _ = table.finish()
        rows = np.zeros(len(order), np.int64)
        rows[order[: len(counts[slot])]] = counts[slot]
        states = [arrange(fold, totals[slot][index], order, len(order)) for index, fold in enumerate(folds)]
        joined.append(Grouped(named, rows, states))
    return joined


def join(fold: AnyFold, left: State | None, right: State) -> State:
    """Two states, group by group; may change `left`."""
    if left is None:
        return right
    left = grow(fold, left, max(left.num_groups, right.num_groups))
    merged: State = fold.merge(left, right, np.arange(right.num_groups, dtype=np.int32))
    return merged


def arrange(fold: AnyFold, state: State | None, order: Any, num_groups: int) -> State:
    """The state with its groups in canonical order and no spare ones."""
    arranged: State = fold.create(num_groups)
    if state is None or num_groups == 0:
        return arranged
    # Spare groups beyond the last real one are empty: merged anywhere, they change nothing.
    places = np.zeros(state.num_groups, dtype=np.int32)
    places[: len(order)] = order[: state.num_groups]
    merged: State = fold.merge(arranged, state, places)
    return merged
