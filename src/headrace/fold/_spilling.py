"""Spilled entries: sorted runs on disk, read back as one sorted stream, for value tables that outgrow memory.

A run is an Arrow file that has no name, so that nothing stays behind whatever ends the process. How entries were
spread over runs cannot be seen in what is read back: equal (group, value) are one entry, in order.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.fold.kernels.entries import Entries, arrow_of, reduce_entries
from headrace.settings import load_settings

__all__ = ["Spill", "entries_of", "spill_limit_bytes", "watch_size"]

_PIECE_ROWS = 1 << 14  # what is held of each run while all are merged
_MOST_RUNS = 48
# While it is sorted, a table holds what waits, both in order, and the texts' codes: up to twelve times its own bytes.
_SHARE = 12


@cache
def _memory_mb(directory: Path, *said: str | None) -> tuple[int, int]:
    del directory, said  # what the answer depends on
    settings = load_settings()
    return settings.memory_mb, settings.workers or len(os.sched_getaffinity(0))


_LARGE_BYTES = 1 << 20
_large: set[int] = set()  # the states that have grown so large, by a number of their own
_numbers = itertools.count()


def watch_size(state: Any, held_bytes: int) -> None:
    """Count a state among those that share memory, until it is gone, once it holds more than 1 MiB."""
    if held_bytes > _LARGE_BYTES and not getattr(state, "_is_watched", False):
        state._is_watched = True
        number = next(_numbers)
        _large.add(number)
        weakref.finalize(state, _large.discard, number)


def spill_limit_bytes() -> int:
    """What one state may hold, so that all large ones, of every fold and thread, stay within `memory_mb` together."""
    said = (os.environ.get(name) for name in ("HEADRACE_MEMORY_MB", "HEADRACE_WORKERS", "HEADRACE_PROFILE"))
    memory_mb, workers = _memory_mb(Path.cwd(), *said)
    return (memory_mb << 20) // (_SHARE * max(1, workers, len(_large)))


def entries_of(offsets: npt.NDArray[np.int64], values: Any, counts: npt.NDArray[np.int64]) -> Entries:
    """A sorted table as entries that name their groups."""
    groups = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
    return Entries(groups, values, counts)


class _Run:
    """Entries in order of (group, value), on disk."""

    def __init__(self, pieces: Iterable[Entries]) -> None:
        # Deleted when it is closed, by the system where it can; whoever holds the run keeps it open.
        self._file: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        writer = None
        for entries in pieces:
            assert entries.groups is not None
            values = arrow_of(entries.values) if isinstance(entries.values, np.ndarray) else entries.values
            batch = pa.RecordBatch.from_arrays(
                [arrow_of(entries.groups), values, arrow_of(entries.counts)], names=["group", "value", "count"]
            )
            if writer is None:
                writer = pa.ipc.new_file(_At(self._file, self._lock), batch.schema)
            writer.write_table(pa.Table.from_batches([batch]), max_chunksize=_PIECE_ROWS)
        if writer is not None:
            writer.close()
        self.is_empty = writer is None

    def __iter__(self) -> Iterator[Entries]:
        if self.is_empty:
            return
        with pa.ipc.open_file(_At(self._file, self._lock)) as reader:
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                groups, values, counts = batch.columns
                if not pa.types.is_large_binary(values.type):
                    values = _numpy(values, values.type.to_pandas_dtype())
                yield Entries(_numpy(groups, np.int32), values, _numpy(counts, np.int64))


class _At:
    """A file at a place of its own, whoever else reads it."""

    def __init__(self, file: Any, lock: threading.Lock) -> None:
        self._file, self._lock, self._place, self.closed = file, lock, 0, False

    def read(self, size: int = -1) -> bytes:
        """Bytes from here on."""
        with self._lock:
            self._file.seek(self._place)
            data = bytes(self._file.read(size))
        self._place += len(data)
        return data

    def write(self, data: Any) -> int:
        """All of these, at the end."""
        view = memoryview(data).cast("B")
        while len(view):
            view = view[self._file.write(view) :]
        self._place += memoryview(data).nbytes
        return memoryview(data).nbytes

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere."""
        if whence == os.SEEK_END:
            with self._lock:
                place += self._file.seek(0, os.SEEK_END)
        self._place = place + (self._place if whence == os.SEEK_CUR else 0)
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """No more reading."""
        self.closed = True


def _numpy(array: pa.Array, dtype: Any) -> npt.NDArray[Any]:
    return np.frombuffer(array.buffers()[1] or b"", dtype, count=array.offset + len(array))[array.offset :]


class Spill:
    """Runs, and their merge.

    Parameters
    ----------
    num_groups : int
        Of the state; it may grow.

    Not safe to change by two threads; runs may be shared by spills.
    """

    def __init__(self, num_groups: int) -> None:
        self.num_groups = num_groups
        self._runs: list[_Run] = []

    def add(self, entries: Entries) -> None:
        """Write entries that are in order; none is left to the caller."""
        if len(entries.counts):
            self._runs.append(_Run([entries]))
            self._bound()

    def adopt(self, other: Spill) -> None:
        """Have another's runs too; its groups are these."""
        self._runs += other._runs
        self._bound()

    def _bound(self) -> None:
        if len(self._runs) > _MOST_RUNS:
            self._runs = [_Run(self.merged())]

    def merged(self) -> Iterator[Entries]:
        """All entries in order of (group, value), equal ones as one, in bounded pieces.

        Cost: one sort of each piece. Memory: 16,384 entries a run.
        """
        readers = [iter(run) for run in self._runs]
        held: list[Entries | None] = [next(reader, None) for reader in readers]
        while any(entries is not None for entries in held):
            last = [_last(entries) for entries in held if entries is not None]
            bound = min(last)
            parts: list[Entries] = []
            for place, entries in enumerate(held):
                if entries is None:
                    continue
                number = _up_to(entries, bound)
                if number:
                    parts.append(_slice(entries, 0, number))
                rest = _slice(entries, number, len(entries.counts))
                held[place] = rest if len(rest.counts) else next(readers[place], None)
            yield _reduced(parts)


def _last(entries: Entries) -> tuple[int, Any]:
    assert entries.groups is not None
    value = entries.values[-1]
    return int(entries.groups[-1]), value.as_py() if isinstance(value, pa.Scalar) else value


def _up_to(entries: Entries, bound: tuple[int, Any]) -> int:
    """How many of the sorted entries are not beyond the bound."""
    assert entries.groups is not None
    group, value = bound
    first = int(np.searchsorted(entries.groups, group, side="left"))
    end = int(np.searchsorted(entries.groups, group, side="right"))
    values = entries.values[first:end]
    if isinstance(values, np.ndarray):
        return first + int(np.searchsorted(values, value, side="right"))
    return first + int(pc.sum(pc.less_equal(values, pa.scalar(value, pa.large_binary()))).as_py() or 0)


def _slice(entries: Entries, first: int, end: int) -> Entries:
    assert entries.groups is not None
    return Entries(entries.groups[first:end], entries.values[first:end], entries.counts[first:end])


def _reduced(parts: list[Entries]) -> Entries:
    """Entries in order, equal ones as one; groups as they are numbered, however many there are."""
    assert all(part.groups is not None for part in parts)
    every = np.concatenate([part.groups for part in parts])
    known, local = np.unique(every, return_inverse=True)
    cuts = np.cumsum([0, *(len(part.counts) for part in parts)])
    groups = local.astype(np.int32)
    numbered = [
        Entries(groups[first:end], part.values, part.counts)
        for part, first, end in zip(parts, cuts[:-1], cuts[1:], strict=True)
    ]
    offsets, values, counts = reduce_entries(numbered, len(known))
    return Entries(np.repeat(known.astype(np.int32), np.diff(offsets)), values, counts)
