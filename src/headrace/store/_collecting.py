"""Garbage: bytes that no run we keep, no version of an endpoint, no pin and nothing accepted lately refers to.

Only bytes go; records stay: a run of last year still says what it made, and a step whose outputs are gone is no
longer cached, so that it runs again when somebody needs it.

**In two steps.** An artifact is first set aside (`_aside`): out of the way, for a grace of days in which
`bring_back` undoes it. A collection after that removes its bytes. A step that gives just what was set aside takes it
back by itself (`Attempts.reuse`): its bytes are named by their content, so working it out again would give the same,
hours later; and that somebody asks for it shows that it was no garbage.

**Beside runs that go on.** Whoever is about to refer to an artifact that is there already touches its folder first
(`_publish.touch`) and looks whether it is whole after that. The collector decides under the lock that every write
takes: it looks again at what is referred to, leaves what was touched within the hour with all that it mentions, and
renames the others away, each before what it mentions. So either the reference is seen, or the touch is, or the
artifact is seen to be gone; and what is in place has all it mentions in place.

**Killed at any moment.** That an artifact will go is written down before it does; it goes by one rename, and its bytes
go by another into attempts/, where what is left of it is garbage itself. `verify` takes a folder that is missing for
damage only where nothing of the kind was written down.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace import disk
from headrace.errors import StoreError
from headrace.store import _aside
from headrace.store._checking import is_recent
from headrace.store._database import Connection
from headrace.store._lease import now_us
from headrace.store._roots import roots
from headrace.store._undoing import SetAside, Undoing

__all__ = ["GRACE_DAYS", "Collecting", "Garbage"]

GRACE_DAYS = 7.0
_BATCH = 50  # artifacts a lock: others wait some milliseconds at most
_DAY_US = 86_400_000_000


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
    fate : str
        "set aside", from where it can be brought back; or "removed".
    """

    kind: str
    name: str
    size_bytes: int
    fate: str = "removed"


class Collecting(Undoing):
    """The part of a Store that removes what nothing refers to."""

    def garbage(self, *, keep_runs: int = 20, grace_days: float = GRACE_DAYS) -> list[Garbage]:
        """What `collect` would do now, largest first; changes nothing.

        Parameters
        ----------
        keep_runs : int
            How many runs of each pipeline are kept whole, from the newest back, and how many data sets that were
            accepted in each stream. Whatever the number: runs that have not ended, those that made what an endpoint
            serves, the model and verdict of every version of an endpoint, and what is pinned.
        grace_days : float
            For how many days what goes is only set aside; 0 removes it at once. What was set aside longer ago goes.

        Cost: the records of the runs that are kept, the JSON of the artifacts they refer to, and one stat an artifact.
        """
        with self._database.read() as connection:
            found = [
                Garbage(*row, "set aside" if grace_days else "removed")
                for row in self._unreferred(connection, keep_runs, grace_days, {})
            ]
        found += [Garbage(item.kind, item.digest, item.size_bytes) for item in self._due(grace_days)]
        found += [item for item, _ in self._left()]
        return sorted(found, key=lambda item: (-item.size_bytes, item.name))

    def garbage_too_new(self, *, keep_runs: int = 20, grace_days: float = GRACE_DAYS) -> list[Garbage]:
        """What no record refers to either, and stays for now; largest first.

        It was made or touched within the hour, or what was mentions it. Cost: that of `garbage`.
        """
        mentions: dict[str, frozenset[str]] = {}
        with self._database.read() as connection:
            goes = {digest for _, digest, _ in self._unreferred(connection, keep_runs, grace_days, mentions)}
            referred = self._reached(list(roots(connection, keep_runs, _before(grace_days))), mentions)
            rows = connection.execute("SELECT kind, digest, size_bytes FROM artifacts").fetchall()
        found = [
            Garbage(*row)
            for row in rows
            if row[1] not in referred and row[1] not in goes and self._home.artifact(row[1]).is_dir()
        ]
        return sorted(found, key=lambda item: (-item.size_bytes, item.name))

    def collect(self, *, keep_runs: int = 20, grace_days: float = GRACE_DAYS) -> list[Garbage]:
        """Do what `garbage` says, to what is still garbage when its turn comes; returns what was done."""
        self._refuse_when_read_only()
        mentions: dict[str, frozenset[str]] = {}
        with self._database.read() as connection:
            wanted = [
                Garbage(*row, "set aside") for row in self._unreferred(connection, keep_runs, grace_days, mentions)
            ]
        wanted = _in_order(wanted, mentions)
        done: dict[str, Garbage] = {}
        for first in range(0, len(wanted), _BATCH):
            moved = self._set_aside(wanted[first : first + _BATCH], keep_runs, grace_days, mentions)
            done.update((item.name, item) for item in moved)
        done.update((item.name, item) for item in self._remove_due(grace_days))
        for item, path in self._left():
            with self._database.write():  # a commit that finds these bytes and takes them has touched them by now
                if is_recent(path):
                    continue
                disk.rename(path, self._grave(), sync=False)
            done[item.name] = item
        self._sweep()
        return list(done.values())

    def _set_aside(
        self, wanted: Sequence[Garbage], keep_runs: int, grace_days: float, mentions: dict[str, frozenset[str]]
    ) -> list[Garbage]:
        with self._database.write() as connection:
            for item in wanted:
                self._append(connection, "artifact-set-aside", {"digest": item.name, "kind": item.kind})
        moved = []
        with self._database.write() as connection:
            stays = self._referred(connection, keep_runs, grace_days, mentions)
            for item in wanted:
                folder = self._home.artifact(item.name)
                if item.name in stays:
                    continue
                if is_recent(folder):  # touched since `stays` was worked out
                    stays |= self._reached([item.name], mentions)
                    continue
                _aside.set_aside(self._home, item.name, now_us())
                moved.append(item)
        return moved

    def _remove_due(self, grace_days: float) -> list[Garbage]:
        removed = []
        due = [Garbage(item.kind, item.digest, item.size_bytes) for item in self._due(grace_days)]
        for first in range(0, len(due), _BATCH):
            batch = due[first : first + _BATCH]
            with self._database.write() as connection:
                for item in batch:
                    if not self._home.artifact(item.name).is_dir():  # else it was made again, and this is an old copy
                        self._append(connection, "artifact-removed", {"digest": item.name, "kind": item.kind})
            for item in batch:
                for copy in _aside.copies_of(self._home, item.name):
                    if copy.since_us <= _before(grace_days):
                        with contextlib.suppress(StoreError):  # somebody has just brought it back
                            disk.rename(copy.folder, self._grave(), sync=False)
                            removed.append(item)
                with contextlib.suppress(OSError):
                    (self._home.aside / item.name).rmdir()
            self._sweep()
        return removed

    def _due(self, grace_days: float) -> list[SetAside]:
        """What was set aside so long ago that its bytes go."""
        found = {copy.digest: copy for copy in _aside.every_copy(self._home) if copy.since_us <= _before(grace_days)}
        rows = self._described(found)
        return [
            SetAside(*rows.get(digest, ("unrecorded", digest, _size(copy.folder))), copy.since_us)
            for digest, copy in found.items()
        ]

    def _left(self) -> Iterator[tuple[Garbage, Path]]:
        kinds = {self._home.attempts: "attempt", self._home.checkpoints: "checkpoint"}
        for path in self.leftovers():
            yield Garbage(kinds.get(path.parent, "unrecorded"), path.name, _size(path)), path

    def _grave(self) -> Path:
        return self._home.attempts / f"removed-{uuid.uuid4().hex}"

    def _sweep(self) -> None:
        for path in self._home.attempts.glob("removed-*"):
            disk.remove_folder(path)

    def _unreferred(
        self, connection: Connection, keep_runs: int, grace_days: float, mentions: dict[str, frozenset[str]]
    ) -> Iterator[tuple[str, str, int]]:
        stays = self._referred(connection, keep_runs, grace_days, mentions)
        for kind, digest, size_bytes in connection.execute("SELECT kind, digest, size_bytes FROM artifacts").fetchall():
            folder = self._home.artifact(digest)
            if digest not in stays and folder.is_dir() and not is_recent(folder):
                if digest not in mentions:
                    mentions[digest] = _aside.mentioned(folder)
                yield kind, digest, size_bytes

    def _referred(
        self, connection: Connection, keep_runs: int, grace_days: float, mentions: dict[str, frozenset[str]]
    ) -> set[str]:
        """The digests that must stay; `mentions` remembers what the JSON of an artifact names."""
        begin = list(roots(connection, keep_runs, _before(grace_days)))
        for (digest,) in connection.execute("SELECT digest FROM artifacts"):
            folder = self._home.artifact(digest)
            if folder.is_dir() and is_recent(folder):
                begin.append(digest)
        return self._reached(begin, mentions)

    def _reached(self, begin: list[str], mentions: dict[str, frozenset[str]]) -> set[str]:
        waiting, reached = list(begin), set[str]()
        while waiting:
            digest = waiting.pop()
            if digest in reached:
                continue
            reached.add(digest)
            named = mentions.get(digest)
            if named is None:
                folder = self._home.artifact(digest)
                named = _aside.mentioned(folder)
                if folder.is_dir():  # what is not there now may be there when we ask again
                    mentions[digest] = named
            waiting += named - reached
        return reached


def _before(grace_days: float) -> int:
    """The moment before which what was set aside goes, in UTC epoch microseconds."""
    return now_us() - int(grace_days * _DAY_US)


def _in_order(wanted: Sequence[Garbage], mentions: dict[str, frozenset[str]]) -> list[Garbage]:
    """Each before what it mentions: what is in place always has all that it mentions in place."""
    by_name = {item.name: item for item in wanted}
    found: list[Garbage] = []
    seen: set[str] = set()
    for item in wanted:
        waiting = [(item.name, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                found.append(by_name[name])
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                waiting += [(other, False) for other in sorted(mentions.get(name, ())) if other in by_name]
    return found[::-1]


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
