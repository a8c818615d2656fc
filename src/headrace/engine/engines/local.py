"""The embedded engine: threads of this process.

Decoding and the kernels of folds release the interpreter's lock, so threads scale as processes would and start in
no time. A task is a piece of a fragment (a row group); each thread keeps one state a fold over all of its tasks, and
the few states are merged at the end. Where there are fewer pieces than threads, folds of other columns are tasks too.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headrace import progress
from headrace.dataset import Dataset, Part
from headrace.dataset.rows import filter_rows
from headrace.engine._contract import AnyFold, Grouped, Keys, Work
from headrace.engine.grouping import GroupTable
from headrace.engine.through import columns_needed, put_through
from headrace.errors import InvalidInput
from headrace.fold import Groups, Rows, State, grow
from headrace.settings import load_settings

__all__ = ["Local"]

BATCH_ROWS = 1 << 17

# What a state belongs to: (slot, fold number, place in the order of parts for ordered folds, else 0).
_Owner = tuple[int, int, int]
_Numbers = Callable[[Rows], list[Groups | None]]


@dataclass(frozen=True)
class _Task:
    """One piece (or all pieces) of one fragment, for some of the folds."""

    parts: tuple[tuple[int, Part], ...]  # (place among the parts asked for, part), all of one fragment
    pieces: tuple[int, ...]
    folds: tuple[int, ...]
    is_counting: bool  # exactly one task counts the rows of a piece


@dataclass
class _Pass:
    """One reading of the rows: what is asked, and what the threads share."""

    folds: list[AnyFold]
    dataset: Dataset
    parts: list[Part]
    through: Work | None
    key_columns: tuple[str, ...] = ()
    number: _Numbers | None = None  # groups of each batch, one array for each slot; None = one slot, one group
    is_by_part: bool = False
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.parts), dtype=np.int64)


@dataclass(frozen=True)
class Local:
    """Run folds and maps on threads of this process.

    Parameters
    ----------
    workers : int
        Threads; 0 = the setting `workers`, whose default is one for each usable core.

    >>> import pyarrow as pa
    >>> from headrace.slicing import SliceSpec
    >>> data = Dataset.from_arrow(pa.table({"carrier": ["AA", "UA", None, "AA"]}))
    >>> answer = Local(workers=2).fold_by_key([], [SliceSpec(("carrier",))], data, data.parts())[0]
    >>> answer.keys["carrier"].to_pylist(), answer.num_rows.tolist()
    (['AA', 'UA', None], [2, 1, 1])
    """

    workers: int = 0

    def fold(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> list[State]:
        """One state of one group for each fold, over all rows of the parts; equal folds share one state.

        Cost: one decoding of the columns the folds name; memory: a batch of 131,072 rows and a state a thread.
        """
        unique = list(dict.fromkeys(folds))
        states = self._run(_Pass(unique, dataset, list(parts), through))
        return [states[0, unique.index(fold)] for fold in folds]

    def fold_parts(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> list[list[State]]:
        """For each part, one state of one group for each fold; all splits of a fragment cost one reading."""
        unique = list(dict.fromkeys(folds))
        states = self._run(_Pass(unique, dataset, list(parts), through, is_by_part=True))
        return [[states[place, unique.index(fold)] for fold in folds] for place in range(len(parts))]

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
        tables = [GroupTable(key.columns) for key in keys]
        columns = tuple(dict.fromkeys(name for key in keys for name in key.columns))
        unique = list(dict.fromkeys(folds))

        def number(rows: Rows) -> list[Groups | None]:
            return [table.number(rows.batch) for table in tables]

        if min_rows > 0:
            self._run(_Pass([], dataset, list(parts), through, columns, number))
            counted = [table.finish(min_rows) for table in tables]

            def place(rows: Rows) -> list[Groups | None]:
                found = [table.number(rows.batch) for table in tables]
                return [
                    None if groups is None else places[groups]
                    for groups, (_, places, _) in zip(found, counted, strict=True)
                ]

            states = self._run(_Pass(unique, dataset, list(parts), through, columns, place))
            orders = [np.arange(len(rows), dtype=np.int32) for _, _, rows in counted]
        else:
            states = self._run(_Pass(unique, dataset, list(parts), through, columns, number))
            counted = [table.finish() for table in tables]
            orders = [places for _, places, _ in counted]
        answers = []
        for slot, (key_table, _, rows) in enumerate(counted):
            by_fold = []
            for index, fold in enumerate(unique):
                state = states.get((slot, index))
                by_fold.append(_arrange(fold, state, orders[slot], len(rows)))
            answers.append(Grouped(key_table, rows, [by_fold[unique.index(fold)] for fold in folds]))
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

        workers = self._num_workers(len(tasks))
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
            _reconcile(dataset, part, seen)

    def _num_workers(self, num_tasks: int) -> int:
        workers = self.workers or load_settings().num_workers
        return max(1, min(workers, num_tasks))

    def _run(self, run: _Pass) -> dict[tuple[int, int], State]:
        """(slot, fold number) -> merged state; a slot is a part, or one of the keys."""
        columns = [name for fold in run.folds for name in fold.columns]
        _, derived = columns_needed(run.dataset, run.through, [*columns, *run.key_columns])
        tasks = self._tasks(run)
        workers = self._num_workers(len(tasks))
        held: list[dict[_Owner, State]] = [{} for _ in range(workers)]
        ticks = self._work(run, tasks, held, derived)
        for _ in progress.track(ticks, "fold", total=len(tasks), unit="pieces"):
            pass
        for place, part in enumerate(run.parts):
            _reconcile(run.dataset, part, int(run.counts[place]))
        merged: dict[tuple[int, int], State] = {}
        owners = sorted({owner for states in held for owner in states}, key=lambda owner: (owner[2], owner))
        for owner in owners:
            for states in held:
                if owner in states:
                    slot, index, _ = owner
                    merged[slot, index] = _join(run.folds[index], merged.get((slot, index)), states[owner])
        if run.number is None:  # parts without rows have states too
            for slot in range(len(run.parts) if run.is_by_part else 1):
                for index, fold in enumerate(run.folds):
                    if (slot, index) not in merged:
                        merged[slot, index] = fold.create(1)
        return merged

    def _tasks(self, run: _Pass) -> list[_Task]:
        places: dict[tuple[str, int], list[tuple[int, Part]]] = {}
        for place, part in enumerate(run.parts):
            places.setdefault((part.span, part.fragment_index), []).append((place, part))
        is_ordered = any(fold.ordered for fold in run.folds)
        every = tuple(range(len(run.folds)))
        tasks = []
        for found in places.values():
            pieces = tuple(range(run.dataset.num_pieces(found[0][1])))
            cuts = [pieces] if is_ordered else [(piece,) for piece in pieces]
            tasks += [_Task(tuple(found), cut, every, True) for cut in cuts]
        workers = self.workers or load_settings().num_workers
        if workers == 1 or len(tasks) >= workers or run.through is not None or run.number is not None or is_ordered:
            return tasks
        by_columns: dict[tuple[str, ...], list[int]] = {}
        for index, fold in enumerate(run.folds):
            by_columns.setdefault(fold.columns, []).append(index)
        shares: list[list[int]] = [[] for _ in range(min(workers, max(1, len(by_columns))))]
        for turn, indices in enumerate(by_columns.values()):
            shares[turn % len(shares)] += indices
        return [
            dataclasses.replace(task, folds=tuple(share), is_counting=turn == 0)
            for task in tasks
            for turn, share in enumerate(shares)
        ]

    def _work(
        self, run: _Pass, tasks: list[_Task], held: list[dict[_Owner, State]], derived: tuple[str, ...]
    ) -> Iterator[None]:
        """Do the tasks, with as many threads as there are holders of states; yields once a task."""
        if len(held) == 1:
            for task in tasks:
                _do(run, task, held[0], derived)
                yield
            return
        waiting: queue.SimpleQueue[tuple[int, _Task] | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, BaseException | None]] = queue.SimpleQueue()
        stop = threading.Event()

        def loop(states: dict[_Owner, State]) -> None:
            while (item := waiting.get()) is not None and not stop.is_set():
                problem = None
                try:
                    _do(run, item[1], states, derived)
                except BaseException as error:  # handed to the caller's thread, below
                    problem = error
                done.put((item[0], problem))

        for item in enumerate(tasks):
            waiting.put(item)
        threads = [threading.Thread(target=loop, args=(states,), daemon=True) for states in held]
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.start()
        try:
            for _ in tasks:
                _, problem = done.get()
                if problem is not None:
                    raise problem
                yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _read(dataset: Dataset, part: Part, columns: Sequence[str], pieces: Sequence[int]) -> Iterator[Rows]:
    wanted = None if part.split is None else list(dataset.split or {}).index(part.split)
    found = dataset.scan(part, columns, batch_rows=BATCH_ROWS, pieces=pieces, with_split=wanted is not None)
    for rows, splits in found:
        yield rows if splits is None else filter_rows(rows, splits == wanted)


def _do(run: _Pass, task: _Task, states: dict[_Owner, State], derived: tuple[str, ...]) -> None:
    """Read the task's pieces once and add their rows to the states of each part."""
    folds = [run.folds[index] for index in task.folds]
    names = dict.fromkeys([name for fold in folds for name in fold.columns] + list(run.key_columns))
    columns, _ = columns_needed(run.dataset, run.through, list(names))
    split_names = list(run.dataset.split or {})
    has_splits = any(part.split is not None for _, part in task.parts)
    found = run.dataset.scan(
        task.parts[0][1], columns, batch_rows=BATCH_ROWS, pieces=task.pieces, with_split=has_splits
    )
    for all_rows, splits in found:
        for place, part in task.parts:
            rows = all_rows
            if part.split is not None and splits is not None:
                rows = filter_rows(all_rows, splits == split_names.index(part.split))
            if task.is_counting:
                with run.lock:
                    run.counts[place] += rows.num_rows
            if rows.num_rows == 0:
                continue
            if run.through is not None:
                rows = put_through(run.through, rows, derived)
            numbers: list[Groups | None] = [None] if run.number is None else run.number(rows)
            for turn, groups in enumerate(numbers):
                slot = place if run.is_by_part else turn
                room = 1 if groups is None else _room(groups)
                for index, fold in zip(task.folds, folds, strict=True):
                    owner = (slot, index, place if fold.ordered else 0)
                    state = states.get(owner)
                    if state is None:
                        state = fold.create(room)
                    elif state.num_groups < room:
                        state = grow(fold, state, room)
                    states[owner] = fold.add(state, rows, groups)


def _room(groups: Groups) -> int:
    """Groups a state needs: the next power of two, so that growing is rare."""
    highest = int(groups.max(initial=-1)) + 1
    return 1 << (highest - 1).bit_length() if highest > 0 else 0


def _join(fold: AnyFold, left: State | None, right: State) -> State:
    if left is None:
        return right
    left = grow(fold, left, max(left.num_groups, right.num_groups))
    merged: State = fold.merge(left, right, np.arange(right.num_groups, dtype=np.int32))
    return merged


def _arrange(fold: AnyFold, state: State | None, order: npt.NDArray[np.int32], num_groups: int) -> State:
    """The state with its groups in canonical order and no spare ones."""
    arranged: State = fold.create(num_groups)
    if state is None or num_groups == 0:
        return arranged
    # Spare groups beyond the last real one are empty: merged anywhere, they change nothing.
    places = np.zeros(state.num_groups, dtype=np.int32)
    places[: len(order)] = order[: state.num_groups]
    merged: State = fold.merge(arranged, state, places)
    return merged


def _collect(item: tuple[Part, Future[tuple[int, list[Rows]]]], counts: dict[Part, int]) -> Iterator[tuple[Part, Rows]]:
    part, future = item
    seen, answers = future.result()
    counts[part] += seen
    for rows in answers:
        yield part, rows


def _reconcile(dataset: Dataset, part: Part, seen: int) -> None:
    expected = dataset.expected_rows(part)
    if expected is not None and expected != seen:
        where = f"span {part.span}, split {part.split or 'all'}, fragment {dataset.reader(part).name}"
        raise InvalidInput(f"{seen:,} rows were read where the manifest has {expected:,}", where=where)
