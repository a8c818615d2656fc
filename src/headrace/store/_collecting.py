"""Garbage: bytes that no run we keep, no version of an endpoint and nothing accepted lately refers to.

Only bytes go; records stay: a run of last year still says what it made, and a step whose outputs are gone is no
longer cached, so that it runs again when somebody needs it.

**Beside runs that go on.** Whoever is about to refer to an artifact that is there already touches its folder first
(`_publish.touch`) and looks whether it is whole after that. The collector decides under the lock that every write
takes: it looks again at what is referred to, leaves what was touched within the hour, and renames the others away.
So either the reference is seen, or the touch is, or the artifact is seen to be gone.

**Killed at any moment.** That an artifact will go is written down before it does; it goes by a rename into attempts/,
where what is left of it is garbage itself. `verify` takes a folder that is missing for damage only where nothing of
the kind was written down.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace import disk
from headrace.store._checking import Checking, is_recent
from headrace.store._database import Connection
from headrace.store._snapshot import current

__all__ = ["Collecting", "Garbage"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BATCH = 50  # artifacts a lock: others wait some milliseconds at most
_MAX_JSON_BYTES = 64 << 20


@dataclass(frozen=True)
class Garbage:
    """Something that may go.

    Parameters
    ----------
    kind : str
        The artifact's kind, "attempt" for what a killed process left, "checkpoint" for what a fit was not gone on from,
        "unrecorded" for bytes that were never committed.
    name : str
        The digest, or the folder's name.
    size_bytes : int
        Of its files.
    """

    kind: str
    name: str
    size_bytes: int


class Collecting(Checking):
    """The part of a Store that removes what nothing refers to."""

    def garbage(self, *, keep_runs: int = 20) -> list[Garbage]:
        """What `collect` would remove now, largest first; changes nothing.

        Parameters
        ----------
        keep_runs : int
            How many runs of each pipeline are kept whole, from the newest back, and how many data sets that were
            accepted in each stream. Whatever the number: runs that have not ended, those that made what an endpoint
            serves, and the model and verdict of every version of an endpoint.

        Cost: the records of the runs that are kept, and the JSON of the artifacts they refer to.
        """
        with self._database.read() as connection:
            found = [Garbage(*row) for row in self._unreferred(connection, keep_runs, {})]
        found += [item for item, _ in self._left()]
        return sorted(found, key=lambda item: (-item.size_bytes, item.name))

    def garbage_too_new(self, *, keep_runs: int = 20) -> list[Garbage]:
        """What nothing refers to either, and stays because it was made or touched within the hour; largest first.

        Cost: that of `garbage`.
        """
        with self._database.read() as connection:
            found = [Garbage(*row) for row in self._unreferred(connection, keep_runs, {}, is_new=True)]
        return sorted(found, key=lambda item: (-item.size_bytes, item.name))

    def collect(self, *, keep_runs: int = 20) -> list[Garbage]:
        """Remove what `garbage` names, and is still garbage when its turn comes; returns what went."""
        self._refuse_when_read_only()
        mentions: dict[str, frozenset[str]] = {}
        removed: list[Garbage] = []
        with self._database.read() as connection:
            wanted = [Garbage(*row) for row in self._unreferred(connection, keep_runs, mentions)]
        for first in range(0, len(wanted), _BATCH):
            removed += self._remove(wanted[first : first + _BATCH], keep_runs, mentions)
        for item, path in self._left():
            with self._database.write():  # a commit that finds these bytes and takes them has touched them by now
                if is_recent(path):
                    continue
                disk.rename(path, self._aside(), sync=False)
            removed.append(item)
        self._sweep()
        return removed

    def _remove(self, wanted: Sequence[Garbage], keep_runs: int, mentions: dict[str, frozenset[str]]) -> list[Garbage]:
        with self._database.write() as connection:
            for item in wanted:
                self._append(connection, "artifact-removed", {"digest": item.name, "kind": item.kind})
        removed = []
        with self._database.write() as connection:
            referred = self._referred(connection, keep_runs, mentions)
            for item in wanted:
                folder = self._home.artifact(item.name)
                if item.name not in referred and not is_recent(folder):
                    disk.rename(folder, self._aside(), sync=False)
                    removed.append(item)
        self._sweep()
        return removed

    def _left(self) -> Iterator[tuple[Garbage, Path]]:
        kinds = {self._home.attempts: "attempt", self._home.checkpoints: "checkpoint"}
        for path in self.leftovers():
            yield Garbage(kinds.get(path.parent, "unrecorded"), path.name, _size(path)), path

    def _aside(self) -> Path:
        return self._home.attempts / f"removed-{uuid.uuid4().hex}"

    def _sweep(self) -> None:
        for path in self._home.attempts.glob("removed-*"):
            disk.remove_folder(path)

    def _unreferred(
        self,
        connection: Connection,
        keep_runs: int,
        mentions: dict[str, frozenset[str]],
        *,
        is_new: bool = False,
    ) -> Iterator[tuple[str, str, int]]:
        referred = self._referred(connection, keep_runs, mentions)
        for kind, digest, size_bytes in connection.execute("SELECT kind, digest, size_bytes FROM artifacts").fetchall():
            folder = self._home.artifact(digest)
            if digest not in referred and folder.is_dir() and is_recent(folder) == is_new:
                yield kind, digest, size_bytes

    def _referred(self, connection: Connection, keep_runs: int, mentions: dict[str, frozenset[str]]) -> set[str]:
        """The digests that must stay; `mentions` remembers what the JSON of an artifact names."""
        waiting = list(_roots(connection, keep_runs))
        referred: set[str] = set()
        while waiting:
            digest = waiting.pop()
            if digest in referred:
                continue
            referred.add(digest)
            if digest not in mentions:
                mentions[digest] = _mentioned(self._home.artifact(digest))
            waiting += mentions[digest] - referred
        return referred


def _roots(connection: Connection, keep_runs: int) -> Iterator[str]:
    """What records refer to: outputs and inputs of the runs that are kept, versions, what was accepted lately."""
    runs = {
        run_id
        for (run_id,) in connection.execute(
            "SELECT run_id FROM (SELECT run_id, state, row_number() OVER"
            " (PARTITION BY pipeline ORDER BY created_us DESC, rowid DESC) AS place FROM runs) AS ranked"
            " WHERE place <= ? OR state IN ('queued', 'running', 'waiting')",
            (keep_runs,),
        )
    }
    for (name,) in connection.execute("SELECT DISTINCT name FROM endpoint_moves").fetchall():
        live = current(connection, name)
        if live is not None and live.run_id is not None:
            runs.add(live.run_id)
    for run_id in runs:
        for text in connection.execute(
            "SELECT digest FROM attempt_outputs JOIN attempts USING (attempt_id) WHERE run_id = :run"
            " UNION ALL SELECT inputs FROM attempts WHERE run_id = :run"
            " UNION ALL SELECT value FROM resolved_inputs WHERE run_id = :run",
            {"run": run_id},
        ):
            yield from _DIGEST.findall(text[0])
    for row in connection.execute("SELECT model_digest, verdict_digest FROM endpoint_versions"):
        yield from row
    for row in connection.execute(  # the closed spans of streams, each in its newest version
        "SELECT digest FROM stream_spans AS these WHERE version ="
        " (SELECT max(version) FROM stream_spans WHERE stream_id = these.stream_id AND span = these.span)"
    ):
        yield from row
    for order in ("accepted_id", "ends"):  # what was accepted last, and what ends last: a plan asks for either
        for row in connection.execute(
            "SELECT dataset_digest, schema_digest FROM"  # noqa: S608  # our own words
            " (SELECT dataset_digest, schema_digest, row_number() OVER"
            f" (PARTITION BY pipeline, stream ORDER BY {order} DESC, accepted_id DESC) AS place FROM accepted)"
            " AS ranked WHERE place <= ?",
            (max(2, keep_runs),),
        ):
            yield from row


def _mentioned(folder: Path) -> frozenset[str]:
    """Every digest in an artifact's JSON: a data set's manifest names the spans that hold its rows."""
    found: set[str] = set()
    for path in folder.glob("*.json"):
        try:
            if path.name != "artifact.json" and path.stat().st_size <= _MAX_JSON_BYTES:
                found.update(_DIGEST.findall(path.read_text(encoding="utf-8", errors="replace")))
        except OSError:  # gone already: it refers to nothing any more
            continue
    return frozenset(found)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
