"""One reading of the rows, by threads.

A task is a piece of a fragment (a row group); each thread keeps one state a fold over all of its tasks, and the few
states are merged at the end. Where there are fewer pieces than threads, folds of other columns are tasks too.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headrace import progress
from headrace.dataset import Dataset, Part
from headrace.dataset.rows import filter_rows
from headrace.engine._contract import AnyFold, Work
from headrace.engine.keeping import join
from headrace.engine.through import columns_needed, put_through
from headrace.errors import InvalidInput
from headrace.fold import ROW_ID, Groups, Rows, State, grow

__all__ = ["BATCH_ROWS", "Pass", "reconcile", "run_pass"]

BATCH_ROWS = 1 << 17
# Of a column that is read alone: as much memory as a batch of eight.
COLUMN_ROWS = 1 << 20

# What a state belongs to: (slot, fold number, place in the order of parts for ordered folds, else 0).
_Owner = tuple[int, int, int]
_Numbers = Callable[[int, Rows], list[Groups | None]]


@dataclass(frozen=True)
class _Task:
    """One piece (or all pieces) of one fragment, for some of the folds."""

    parts: tuple[tuple[int, Part], ...]  # (place among the parts asked for, part), all of one fragment
    pieces: tuple[int, ...]
    folds: tuple[int, ...]
    is_counting: bool  # exactly one task counts the rows of a piece


@dataclass
class Pass:
    """One reading of the rows: what is asked, and what the threads share; `counts` are the rows read of each part."""

    folds: list[AnyFold]
    dataset: Dataset
    parts: list[Part]
    through: Work | None
    key_columns: tuple[str, ...] = ()
    number: _Numbers | None = None  # of a part's batch: the groups, one array for each of the keys; None = one group
    is_by_part: bool = False
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.parts), dtype=np.int64)


def run_pass(run: Pass, workers: int) -> dict[tuple[int, int], State]:
    """(slot, fold number) -> merged state, on at most so many threads.

    Slots are the keys (one, where rows are not grouped); with `is_by_part`, the keys of each part in turn.
    Raises InvalidInput when a part does not hold the rows that the manifest says.
    """
    columns = [name for fold in run.folds for name in fold.columns]
    _, derived = columns_needed(run.dataset, run.through, [*columns, *run.key_columns])
    tasks = _tasks(run, workers)
    held: list[dict[_Owner, State]] = [{} for _ in range(max(1, min(workers, len(tasks))))]
    ticks = _work(run, tasks, held, derived)
    for _ in progress.track(ticks, "fold", total=len(tasks), unit="pieces"):
        pass
    for place, part in enumerate(run.parts):
        reconcile(run.dataset, part, int(run.counts[place]))
    merged: dict[tuple[int, int], State] = {}
    owners = sorted({owner for states in held for owner in states}, key=lambda owner: (owner[2], owner))
    for owner in owners:
        for states in held:
            if owner in states:
                slot, index, _ = owner
                merged[slot, index] = join(run.folds[index], merged.get((slot, index)), states[owner])
    if run.number is None:  # parts without rows have states too
        for slot in range(len(run.parts) if run.is_by_part else 1):
            for index, fold in enumerate(run.folds):
                if (slot, index) not in merged:
                    merged[slot, index] = fold.create(1)
    return merged


def _tasks(run: Pass, workers: int) -> list[_Task]:
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


def _work(run: Pass, tasks: list[_Task], held: list[dict[_Owner, State]], derived: tuple[str, ...]) -> Iterator[None]:
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


def _do(run: Pass, task: _Task, states: dict[_Owner, State], derived: tuple[str, ...]) -> None:
    """Read the task's pieces once and add their rows to the states of each part."""
    folds = [run.folds[index] for index in task.folds]
    names = dict.fromkeys([name for fold in folds for name in fold.columns] + list(run.key_columns))
    columns, _ = columns_needed(run.dataset, run.through, list(names))
    split_names = list(run.dataset.split or {})
    has_splits = any(part.split is not None for _, part in task.parts)
    is_apart = not has_splits and _reads_apart(run, folds)
    found = run.dataset.scan(
        task.parts[0][1],
        columns,
        batch_rows=COLUMN_ROWS if is_apart else BATCH_ROWS,
        pieces=task.pieces,
        with_split=has_splits,
        apart=is_apart,
    )
    chosen = list(zip(task.folds, folds, strict=True))
    of_column: dict[str, list[tuple[int, AnyFold]]] = {}
    if is_apart:
        for index, fold in chosen:
            of_column.setdefault(fold.columns[0], []).append((index, fold))
    for all_rows, splits in found:
        name = all_rows.batch.schema.names[0] if is_apart else None
        if name is not None:
            chosen = of_column[name]
        for place, part in task.parts:
            rows = all_rows
            if part.split is not None and splits is not None:
                rows = filter_rows(all_rows, splits == split_names.index(part.split))
            if task.is_counting and name in (None, columns[0]):
                with run.lock:
                    run.counts[place] += rows.num_rows
            if rows.num_rows == 0:
                continue
            if run.through is not None:
                rows = put_through(run.through, rows, derived)
            numbers: list[Groups | None] = [None] if run.number is None else run.number(place, rows)
            for turn, groups in enumerate(numbers):
                slot = turn + (place * len(numbers) if run.is_by_part else 0)
                room = 1 if groups is None else _room(groups)
                for index, fold in chosen:
                    owner = (slot, index, place if fold.ordered else 0)
                    state = states.get(owner)
                    if state is None:
                        state = fold.create(room)
                    elif state.num_groups < room:
                        state = grow(fold, state, room)
                    states[owner] = fold.add(state, rows, groups)


def _reads_apart(run: Pass, folds: list[AnyFold]) -> bool:
    """Whether each fold reads one column and nothing beside it: columns can then be read one after the other.

    One column at a time stays in the cache, and more of its rows make a batch: less to do for each.
    """
    if run.through is not None or run.number is not None or run.dataset.roles.weight is not None:
        return False
    return bool(folds) and all(len(fold.columns) == 1 and fold.columns[0] != ROW_ID for fold in folds)


def _room(groups: Groups) -> int:
    """Groups a state needs: the next power of two, so that growing is rare."""
    highest = int(groups.max(initial=-1)) + 1
    return 1 << (highest - 1).bit_length() if highest > 0 else 0


def reconcile(dataset: Dataset, part: Part, seen: int) -> None:
    """Refuse a part of which other rows were read than the manifest says."""
    expected = dataset.expected_rows(part)
    if expected is not None and expected != seen:
        where = f"span {part.span}, split {part.split or 'all'}, fragment {dataset.reader(part).name}"
        raise InvalidInput(f"{seen:,} rows were read where the manifest has {expected:,}", where=where)
