"""The embedded engine: threads of this process.

Decoding and the kernels of folds release the interpreter's lock, so threads scale as processes would and start in
no time (`headrace.engine.passes`). With `states`, what is known about a part is not read again
(`headrace.engine.keeping`).
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import progress
from headrace.dataset import Dataset, Part
from headrace.dataset.nested import with_fields
from headrace.dataset.rows import filter_rows
from headrace.dataset.types import shared_schema
from headrace.engine._contract import AnyFold, Grouped, Keys, PartName, Work
from headrace.engine.grouping import GroupTable
from headrace.engine.keeping import Tally, arrange, fold_units, group_units, join, join_groups, units_of
from headrace.engine.passes import BATCH_ROWS, Pass, reconcile, run_pass
from headrace.engine.states import Kept, StateCache
from headrace.engine.through import columns_needed, put_through
from headrace.fold import ROW_ID, Groups, Rows, State
from headrace.settings import load_settings

__all__ = ["Local"]


@dataclass(frozen=True)
class Local:
    """Run folds and maps on threads of this process.

    Parameters
    ----------
    workers : int
        Threads; 0 = the setting `workers`, whose default is one for each usable core.
    states : StateCache, optional
        States of earlier passes: parts they are known of are not read, and what is read is kept. Only parts whose
        digest the data set knows already, folds that are not ordered, and `fold_by_key` without `min_rows`.

    >>> import pyarrow as pa
    >>> from headrace.slicing import SliceSpec
    >>> data = Dataset.from_arrow(pa.table({"carrier": ["AA", "UA", None, "AA"]}))
    >>> answer = Local(workers=2).fold_by_key([], [SliceSpec(("carrier",))], data, data.parts())[0]
    >>> answer.keys["carrier"].to_pylist(), answer.num_rows.tolist()
    (['AA', 'UA', None], [2, 1, 1])
    """

    workers: int = 0
    states: StateCache | None = None
    tally: Tally = dataclasses.field(default_factory=Tally, repr=False, compare=False)

    @property
    def rows_read(self) -> int:
        """Rows read from files for all passes until now; a row read by two passes counts twice."""
        return self.tally.rows_read

    @property
    def rows_reused(self) -> int:
        """Rows that kept states stood for, counted in the same way."""
        return self.tally.rows_reused

    def fold(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> list[State]:
        """One state of one group for each fold, over all rows of the parts; equal folds share one state.

        Cost: one decoding of the columns the folds name, in parts of which nothing is kept; memory: a batch of
        131,072 rows (of one column, 2^20 rows, where each fold reads one) and a state a thread, and where states are
        kept one more for each of a few parts.
        """
        unique = list(dict.fromkeys(folds))
        kept = self._kept(unique, dataset, parts, through)
        if kept is None:
            states = self._run(Pass(unique, dataset, list(parts), through))
            return [states[0, unique.index(fold)] for fold in folds]
        totals: list[State] = [fold.create(1) for fold in unique]
        for _, found in self._by_part(kept, unique, dataset, parts, through):
            totals = [join(fold, total, state) for fold, total, state in zip(unique, totals, found, strict=True)]
        return [totals[unique.index(fold)] for fold in folds]

    def fold_parts(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> dict[PartName, list[State]]:
        """One state of one group for each fold, by (span, split); all splits of a fragment cost one reading."""
        unique = list(dict.fromkeys(folds))
        found = dict(self._by_part(self._kept(unique, dataset, parts, through), unique, dataset, parts, through))
        names = dict.fromkeys((part.span, part.split) for part in parts)
        return {name: [found[name][unique.index(fold)] for fold in folds] for name in names}

    def fold_by_key(
        self,
        folds: Sequence[AnyFold],
        keys: Sequence[Keys],
        dataset: Dataset,
        parts: Sequence[Part],
        *,
        min_rows: int = 0,
        through: Work | None = None,
    ) -> list[Grouped]:
        """For each of the keys, every fold's states by group, groups in canonical order.

        `min_rows` leaves smaller groups out; it costs a first pass over the key columns (and `through`, if given)
        that counts, and saves the states of all that is left out. Memory: all groups' states, a copy a thread.
        """
        unique = list(dict.fromkeys(folds))
        kept = None if min_rows > 0 else self._kept(unique, dataset, parts, through, keys)
        if kept is None:
            found = self._group(unique, keys, dataset, parts, through, min_rows)
        else:

            def anew(some: list[AnyFold], lacking: list[Part]) -> list[list[Grouped]]:
                return self._group_parts(some, keys, dataset, lacking, through)

            units = units_of(dataset, parts)
            found = join_groups(unique, keys, group_units(kept, unique, keys, units, anew, self.tally, self._at_once()))
        return [Grouped(one.keys, one.num_rows, [one.states[unique.index(fold)] for fold in folds]) for one in found]

    def _kept(
        self,
        folds: Sequence[AnyFold],
        dataset: Dataset,
        parts: Sequence[Part],
        through: Work | None,
        keys: Sequence[Keys] | None = None,
    ) -> Kept | None:
        """Where these folds' states are kept; None where none can be: rows without a digest, folds that are ordered.

        Refuses what reading would refuse, because perhaps nothing is read.
        """
        if self.states is None or any(fold.ordered for fold in folds):
            return None
        if all(unit.rows is None for unit in units_of(dataset, parts)):
            return None
        columns, _ = columns_needed(
            dataset, through, [name for item in (*folds, *(keys or ())) for name in item.columns]
        )
        shapes = [(span.name, with_fields(span.arrow_schema, columns)) for span in dataset.spans]
        return self.states.kept(
            folds,
            types={item.name: str(item.type) for item in shared_schema(shapes, [c for c in columns if c != ROW_ID])},
            weight=dataset.roles.weight,
            key=dataset.roles.key,
            through=through,
            keys=keys,
        )

    def _by_part(
        self, kept: Kept | None, folds: list[AnyFold], dataset: Dataset, parts: Sequence[Part], through: Work | None
    ) -> Iterator[tuple[PartName, list[State]]]:
        """One state a fold for each (span, split) of the parts."""

        def anew(some: list[AnyFold], lacking: list[Part]) -> list[list[State]]:
            states = self._run(Pass(some, dataset, lacking, through, is_by_part=True))
            return [[states[place, index] for index in range(len(some))] for place in range(len(lacking))]

        if kept is not None:
            units = units_of(dataset, parts)
            for unit, states in fold_units(kept, folds, units, anew, self.tally, self._at_once()):
                yield unit.name, states
            return
        totals: dict[PartName, list[State]] = {}
        for part, states in zip(parts, anew(folds, list(parts)), strict=True):
            name = (part.span, part.split)
            before = totals.get(name, [None] * len(folds))
            totals[name] = [join(*one) for one in zip(folds, before, states, strict=True)]
        yield from totals.items()

    def _at_once(self) -> int:
        return 2 * self._num_workers()

    def _group(
        self,
        folds: list[AnyFold],
        keys: Sequence[Keys],
        dataset: Dataset,
        parts: Sequence[Part],
        through: Work | None,
        min_rows: int,
    ) -> list[Grouped]:
        """`fold_by_key` without kept states."""
        tables = [GroupTable(key.columns) for key in keys]
        columns = tuple(dict.fromkeys(name for key in keys for name in key.columns))

        def number(_: int, rows: Rows) -> list[Groups | None]:
            return [table.number(rows.batch) for table in tables]

        if min_rows > 0:
            self._run(Pass([], dataset, list(parts), through, columns, number))
            counted = [table.finish(min_rows) for table in tables]

            def place(_: int, rows: Rows) -> list[Groups | None]:
                found = [table.number(rows.batch) for table in tables]
                return [
                    None if groups is None else places[groups]
                    for groups, (_, places, _) in zip(found, counted, strict=True)
                ]

            states = self._run(Pass(folds, dataset, list(parts), through, columns, place))
            orders = [np.arange(len(rows), dtype=np.int32) for _, _, rows in counted]
        else:
            states = self._run(Pass(folds, dataset, list(parts), through, columns, number))
            counted = [table.finish() for table in tables]
            orders = [places for _, places, _ in counted]
        return _answers(folds, states, counted, orders, 0)

    def _group_parts(
        self,
        folds: list[AnyFold],
        keys: Sequence[Keys],
        dataset: Dataset,
        parts: list[Part],
        through: Work | None,
    ) -> list[list[Grouped]]:
        """`fold_by_key` for each part alone, in one pass."""
        tables = [[GroupTable(key.columns) for key in keys] for _ in parts]
        columns = tuple(dict.fromkeys(name for key in keys for name in key.columns))

        def number(place: int, rows: Rows) -> list[Groups | None]:
            return [table.number(rows.batch) for table in tables[place]]

        states = self._run(Pass(folds, dataset, parts, through, columns, number, is_by_part=True))
        answers = []
        for place, of_part in enumerate(tables):
            counted = [table.finish() for table in of_part]
            orders = [places for _, places, _ in counted]
            answers.append(_answers(folds, states, counted, orders, place * len(keys)))
        return answers

    def map(self, work: Work, dataset: Dataset, parts: Sequence[Part]) -> Iterator[tuple[Part, Rows]]:
        """The work's answers in the order of the parts and of their rows; a few pieces are worked ahead."""
        columns, derived = columns_needed(dataset, work, work.columns)
        tasks = [(part, piece) for part in parts for piece in range(dataset.num_pieces(part))]
        counts = dict.fromkeys(parts, 0)

        def run(part: Part, piece: int) -> tuple[int, list[Rows]]:
            seen, answers = 0, []
            for rows in _read(dataset, part, columns, (piece,)):
                seen += rows.num_rows
                answers.append(put_through(work, rows, derived))
            return seen, answers

        workers = max(1, min(self._num_workers(), len(tasks)))
        with ThreadPoolExecutor(workers) as threads:
            ahead: deque[tuple[Part, Future[tuple[int, list[Rows]]]]] = deque()
            waiting = iter(progress.track(tasks, "map", total=len(tasks), unit="pieces"))
            try:
                for part, piece in waiting:
                    ahead.append((part, threads.submit(run, part, piece)))
                    if len(ahead) > workers:
                        yield from _collect(ahead.popleft(), counts)
                while ahead:
                    yield from _collect(ahead.popleft(), counts)
            finally:
                for _, future in ahead:
                    future.cancel()
        for part, seen in counts.items():
            reconcile(dataset, part, seen)
        self.tally.add(read=sum(seen for part, seen in counts.items() if _is_file(dataset, part)))

    def _run(self, run: Pass) -> dict[tuple[int, int], State]:
        states = run_pass(run, self._num_workers())
        self.tally.add(read=sum(int(run.counts[i]) for i, part in enumerate(run.parts) if _is_file(run.dataset, part)))
        return states

    def _num_workers(self) -> int:
        return self.workers or load_settings().num_workers


def _read(dataset: Dataset, part: Part, columns: Sequence[str], pieces: Sequence[int]) -> Iterator[Rows]:
    wanted = None if part.split is None else list(dataset.split or {}).index(part.split)
    found = dataset.scan(part, columns, batch_rows=BATCH_ROWS, pieces=pieces, with_split=wanted is not None)
    for rows, splits in found:
        yield rows if splits is None else filter_rows(rows, splits == wanted)


def _answers(
    folds: Sequence[AnyFold],
    states: dict[tuple[int, int], State],
    counted: Sequence[tuple[pa.Table, Any, Any]],
    orders: Sequence[npt.NDArray[np.int32]],
    first: int,
) -> list[Grouped]:
    """One Grouped for each of the keys, whose states lie in the slots from `first`."""
    return [
        Grouped(
            table,
            rows,
            [
                arrange(fold, states.get((first + turn, index)), orders[turn], len(rows))
                for index, fold in enumerate(folds)
            ],
        )
        for turn, (table, _, rows) in enumerate(counted)
    ]


def _is_file(dataset: Dataset, part: Part) -> bool:
    return dataset.find_span(part.span).fragments[part.fragment_index].source != "arrow"


def _collect(item: tuple[Part, Future[tuple[int, list[Rows]]]], counts: dict[Part, int]) -> Iterator[tuple[Part, Rows]]:
    part, future = item
    seen, answers = future.result()
    counts[part] += seen
    for rows in answers:
        yield part, rows
