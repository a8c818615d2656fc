"""The rows of an evaluation, cut in all the ways that were asked for: each row's groups are worked out once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.engine import Engine
from headrace.engine.grouping import GroupTable
from headrace.evaluation._judged import Cut, Judged
from headrace.evaluation._shelf import Shelf, one_chunk
from headrace.fold import Fold, Groups, Rows
from headrace.settings import load_settings
from headrace.slicing import SliceSpec

__all__ = ["Cuts"]

_BATCH_ROWS = 1 << 17

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True)
class Cuts:
    """Rows, and the groups of each cut of them.

    Parameters
    ----------
    table : pyarrow.Table
        What folds read.
    weight : float64[num_rows] or None
        As in `Judged`.
    keys : tuple of pyarrow.Table
        By cut, the values that name each group, in canonical order.
    cuts : tuple of Cut
        By cut, the group of each row.
    workers : int
        Threads.
    shelf : Shelf
        Where the rows lie.
    """

    table: pa.Table
    weight: npt.NDArray[np.float64] | None
    keys: tuple[pa.Table, ...]
    cuts: tuple[Cut, ...]
    workers: int
    shelf: Shelf

    @classmethod
    def of(
        cls, table: pa.Table, specs: Sequence[SliceSpec], judged: Judged, weight: str | None, engine: Engine
    ) -> Cuts:
        """Number the groups. Cost: about 10 ns a row and column."""
        workers = getattr(engine, "workers", 0) or load_settings().num_workers
        row_id = judged.row_id if judged.has_repeats else None
        shelf = judged.shelf

        def cut(spec: SliceSpec) -> tuple[pa.Table, Cut]:
            numbers = GroupTable(spec.columns)
            sizes = [min(_BATCH_ROWS, table.num_rows - at) for at in range(0, table.num_rows, _BATCH_ROWS)] or [0]
            if not spec.columns:
                groups = shelf.put(np.zeros(size, np.int32) for size in sizes)
            elif shelf.is_on_disk:  # as they are met, then as they are to be
                met = shelf.put(_numbered(numbers, batch) for batch in _columns_of(spec, table))
                place = numbers.finish()[1]
                ends = np.cumsum(sizes)
                groups = shelf.put(place[met[end - size : end]] for size, end in zip(sizes, ends.tolist(), strict=True))
            else:
                found = [_numbered(numbers, batch) for batch in _columns_of(spec, table)]
                place = numbers.finish()[1]
                groups = shelf.put(place[one] for one in found or [np.zeros(0, np.int32)])
            keys, _, rows = numbers.finish()
            return keys, Cut(groups, len(rows), row_id)

        numbered = _each(cut, specs, workers)
        keys, cuts = zip(*numbered, strict=True)
        weights = None if weight is None else judged.weight
        return cls(table, weights, tuple(keys), tuple(cuts), workers, shelf)

    def on(self, table: pa.Table) -> Cuts:
        """The same rows with other columns."""
        return dataclasses.replace(self, table=table)

    def each(self, do: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """`do` of every item, on threads; answers in order."""
        return _each(do, items, self.workers)

    def fold(self, folds: Sequence[Fold[Any, Any]]) -> list[list[Any]]:
        """What each fold extracts, by cut and fold; equal folds run once.

        Rows are read once for all cuts. Memory: the states, and a batch a thread.
        """
        unique = list(dict.fromkeys(folds))
        whole = self._whole(unique)

        def run(fold: Fold[Any, Any]) -> Callable[[Groups, int], Any] | list[Any]:
            once = None if type(fold).at_once is Fold.at_once else fold.at_once(whole)
            if once is not None:
                return once
            states = [fold.create(cut.num_groups) for cut in self.cuts]
            start = 0
            for batch in self.table.select(list(fold.columns)).to_batches(max_chunksize=_BATCH_ROWS):
                part = slice(start, start + batch.num_rows)
                rows = Rows(batch, None, None if self.weight is None else self.weight[part])
                states = [fold.add(one, rows, cut.groups[part]) for one, cut in zip(states, self.cuts, strict=True)]
                start = part.stop
                self.shelf.let_go()
            return [fold.extract(state.canonical()) for state in states]

        found = dict(zip(unique, self.each(run, unique), strict=True))
        asked = [(fold, cut) for fold, once in found.items() if callable(once) for cut in self.cuts]
        told = iter(self.each(lambda one: found[one[0]](one[1].groups, one[1].num_groups), asked))  # type: ignore[operator]
        by_cut = {fold: [next(told) for _ in self.cuts] if callable(one) else one for fold, one in found.items()}
        return [[by_cut[fold][number] for fold in folds] for number in range(len(self.cuts))]

    def _whole(self, folds: Sequence[Fold[Any, Any]]) -> Rows:
        """The columns of those folds that answer at once, in one batch."""
        names = dict.fromkeys(name for fold in folds if type(fold).at_once is not Fold.at_once for name in fold.columns)
        columns = [one_chunk(self.table[name]) for name in names]
        return Rows(pa.RecordBatch.from_arrays(columns, list(names)), None, self.weight)


def _numbered(numbers: GroupTable, batch: pa.RecordBatch) -> Groups:
    found = numbers.number(batch)
    assert found is not None, "there are columns"
    return found


def _columns_of(spec: SliceSpec, table: pa.Table) -> Iterator[pa.RecordBatch]:
    """The columns that a cut is made by, batch by batch; what the table does not have is derived."""
    made = {one.name: one for one in spec.derived}
    if not spec.columns:
        return
    read = dict.fromkeys(
        name for column in spec.columns for name in (made[column].columns if column in made else (column,))
    )
    for batch in table.select(list(read)).to_batches(max_chunksize=_BATCH_ROWS):
        arrays = [made[name].derive(batch) if name in made else batch.column(name) for name in spec.columns]
        yield pa.RecordBatch.from_arrays(arrays, list(spec.columns))


def _each(do: Callable[[Item], Answer], items: Iterable[Item], workers: int) -> list[Answer]:
    waiting = list(items)
    if workers < 2 or len(waiting) < 2:
        return [do(item) for item in waiting]
    with ThreadPoolExecutor(min(workers, len(waiting))) as threads:
        return list(threads.map(do, waiting))
