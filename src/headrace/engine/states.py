"""Fold states kept from one run to the next: what was folded, over which rows, by which code.

A state may stand for rows only if it would come out the same, to the byte, from reading them. So it is filed under

- the rows: the digest of the part in the data set's manifest (a part is one split of one span);
- the work put before the fold, and the keys the rows were grouped by;
- the fold: class, parameters and `version`; the types its columns are read in; the data set's weight, which every
  fold may use, and its key, which row ids and splits are made of;
- the code: headrace's version (a digest of its source where it is installed editable), numpy's and pyarrow's, and
  those of the packages that the work names.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from headrace.canonical import digest
from headrace.engine._contract import AnyFold, Keys, Work
from headrace.engine.reference import describe
from headrace.errors import InvalidInput
from headrace.fold import State, decode, encode

__all__ = ["Kept", "StateCache", "StateFiles", "versions"]

_FORMAT = 1


class StateFiles(Protocol):
    """Where entries lie; `headrace.store.states.States` is one."""

    def find(self, place: str, names: Sequence[str]) -> dict[str, bytes]:
        """Those of the named entries that are kept at a place."""

    def keep(self, place: str, entries: Mapping[str, bytes]) -> None:
        """Keep named entries at a place."""


class StateCache:
    """Kept states, for an engine: `LocalEngine(states=StateCache(States(folder, limit_mb=1024), code="0.1.0"))`.

    Parameters
    ----------
    files : StateFiles
        Where they lie.
    code : str
        Which headrace computes: states of another are not found.

    Entries that cannot be read are not found; whoever asked works them out again.
    """

    def __init__(self, files: StateFiles, *, code: str) -> None:
        self._files = files
        self._code = [_FORMAT, code, np.__version__, pa.__version__]

    def place(self, rows: str, what: Any) -> str:
        """Where things about rows lie: `rows` is their digest, `what` plain data that says how they were looked at."""
        return digest([self._code, rows, what])

    def find_table(self, place: str, name: str) -> pa.Table | None:
        """A table kept by `keep_table`, or None."""
        data = self._files.find(place, [name]).get(name)
        return None if data is None else _read_table(data)

    def keep_table(self, place: str, name: str, table: pa.Table) -> None:
        """Keep a table."""
        self._files.keep(place, {name: _table_bytes(table)})

    def kept(
        self,
        folds: Sequence[AnyFold],
        *,
        types: Mapping[str, str],
        weight: str | None,
        key: Sequence[str],
        through: Work | None,
        keys: Sequence[Keys] | None = None,
    ) -> Kept | None:
        """The states of these folds, looked up part by part; None where something in it cannot be told to others.

        `types` are those in which columns are read: with other spans beside it, an int32 may be read as int64.
        """
        try:
            before = None if through is None else [describe(through), versions(through.packages)]
            names = []
            read = () if through is None else through.columns
            for fold in folds:
                columns = _typed([*fold.columns, *read], types)
                names.append(digest([describe(fold), fold.version, columns, weight, list(key)]))
        except InvalidInput:
            return None
        cuts = [None] if keys is None else [[list(one.columns), _typed(one.columns, types)] for one in keys]
        how = [{"through": before, "keys": cut} for cut in cuts]
        return Kept(self, self._files, tuple(folds), names, how)


class Kept:
    """Some folds' states, part by part; made by `StateCache.kept`.

    Without keys a state has one group; with keys there is an answer for each of them, its groups in a table beside.
    """

    def __init__(
        self,
        cache: StateCache,
        files: StateFiles,
        folds: tuple[AnyFold, ...],
        names: list[str],
        how: list[dict[str, Any]],
    ) -> None:
        self._cache, self._files = cache, files
        self._folds, self._names, self._how = folds, names, how

    def find(self, rows: str) -> dict[int, State]:
        """Fold number -> state of one group, for those that are kept."""
        return dict(self._decoded(self._files.find(self._cache.place(rows, self._how[0]), self._names)))

    def _decoded(self, found: Mapping[str, bytes]) -> Iterator[tuple[int, State]]:
        for index, (fold, name) in enumerate(zip(self._folds, self._names, strict=True)):
            if name in found:
                # What cannot be decoded was damaged before it was written: as if it were not there.
                with contextlib.suppress(InvalidInput):
                    yield index, decode(fold, found[name])

    def keep(self, rows: str, states: Mapping[int, State]) -> None:
        """Keep states by fold number."""
        self._files.keep(self._cache.place(rows, self._how[0]), self._encoded(states))

    def _encoded(self, states: Mapping[int, State]) -> dict[str, bytes]:
        return {
            self._names[index]: encode(self._folds[index], state)
            for index, state in states.items()
            if not state.is_spilled
        }

    def find_groups(self, rows: str) -> list[tuple[pa.Table, dict[int, State]]] | None:
        """For each of the keys, the groups' table and the kept states by fold number; None where no table is kept."""
        answer = []
        for how in self._how:
            found = self._files.find(self._cache.place(rows, how), ["groups", *self._names])
            table = _read_table(found["groups"]) if "groups" in found else None
            if table is None:
                return None
            states = {index: state for index, state in self._decoded(found) if state.num_groups == table.num_rows}
            answer.append((table, states))
        return answer

    def keep_groups(self, rows: str, answer: Sequence[tuple[pa.Table, Mapping[int, State]]]) -> None:
        """Keep what `find_groups` finds."""
        for how, (table, states) in zip(self._how, answer, strict=True):
            entries = {"groups": _table_bytes(table), **self._encoded(states)}
            self._files.keep(self._cache.place(rows, how), entries)


def _typed(columns: Sequence[str], types: Mapping[str, str]) -> dict[str, str]:
    return {name: types[name] for name in columns if name in types}


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of these packages, which are imported."""
    return {name: str(importlib.import_module(name).__version__) for name in packages}


def _table_bytes(table: pa.Table) -> bytes:
    table = pa.concat_tables([table.slice(0, 0), table]).combine_chunks()
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _read_table(data: bytes) -> pa.Table | None:
    try:
        with pa.ipc.open_stream(data) as reader:
            return reader.read_all()
    except (pa.ArrowException, OSError):
        return None
