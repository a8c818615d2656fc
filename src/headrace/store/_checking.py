"""What a store can say of its own health, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from headrace.store import _lease
from headrace.store._bucket import Files, Remote
from headrace.store._catalog import Catalog
from headrace.store._contract import Problem
from headrace.store._publish import problems
from headrace.store._records import decode

__all__ = ["Checking", "is_recent"]


class Checking(Catalog):
    """The part of a Store that finds what is wrong with it."""

    def verify(self) -> list[Problem]:
        """Read every artifact and compare it with what was committed; an empty list says all is well.

        Cost: one read of all bytes in the store, and of those in its bucket.
        """
        with self._database.read() as connection:
            rows = connection.execute("SELECT digest, files FROM artifacts ORDER BY digest").fetchall()
            removed = connection.execute("SELECT body FROM events WHERE kind = 'artifact-removed'").fetchall()
        gone = {str(decode(body)["digest"]) for (body,) in removed}
        return [
            Problem(digest, file, what)
            for digest, files in rows
            if digest not in gone or self._home.artifact(digest).is_dir()
            for file, what in self._problems(digest, decode(files))
        ]

    def _problems(self, digest: str, files: Files) -> Iterator[tuple[str, str]]:
        """Of the copy in the home, where there is one, and of the bucket's, where there is a bucket."""
        folder = self._home.artifact(digest)
        if folder.is_dir() or not self._home.url:
            yield from problems(folder, files)
        if self._home.url:
            yield from Remote(self._home).problems(digest, files)

    def damage(self, digest: str) -> list[Problem]:
        """The same for one artifact; also one that was removed, or that nobody knows, is not as it was committed.

        Cost: one read of its bytes.
        """
        with self._database.read() as connection:
            files = self._known(connection, [digest]).get(digest)
        if files is None:
            return [Problem(digest, "", "it was never committed")]
        return [Problem(digest, file, what) for file, what in self._problems(digest, files)]

    def way_back(self, digest: str) -> str:
        """What to do about an artifact that is damaged or gone: a line to type, where one helps.

        What an endpoint serves no run makes again unless code and data are those of then: an earlier version that is
        whole can serve at once. Cost: one read of the bytes of the versions tried.
        """
        for live in self.endpoints():
            if live.model_digest != digest:
                continue
            for version in sorted({move.version for move in self.moves(live.name)} - {live.version}, reverse=True):
                other = self.endpoint(live.name, version)
                if other is not None and other.model_digest != digest and not self.damage(other.model_digest):
                    back = f"`headrace endpoints rollback {live.name} --to {version}`"
                    return f"{back} serves a version that is whole, and `headrace run` then compares with that"
            return (
                f"bring {self._home.artifact(digest)} back from a backup: no other version of endpoint {live.name!r} is"
                " whole; or train without champion=hr.champion(...) once, which replaces it"
            )
        return (
            f"remove {self._home.artifact(digest)}: `headrace run` makes it again, if code and data are those of then;"
            " else bring it back from a backup"
        )

    def reach_bucket(self) -> None:
        """Ask for the bucket of the artifacts, where the store has one; StoreError that says why it cannot be had.

        Cost: one request.
        """
        if self._home.url:
            Remote(self._home).reach()

    def check_records(self) -> list[str]:
        """What is wrong with the records; an empty list says all is well. Cost: one read of them."""
        return self._database.problems()

    def cautions(self) -> list[str]:
        """What is not wrong with the records, and may lose or delay something: a server's settings, its clock."""
        return self._database.cautions()

    def format_version(self) -> int:
        """The format of the records."""
        return self._database.version()

    def newest_event_us(self) -> int | None:
        """When the newest event was written, in UTC epoch microseconds; None before the first."""
        with self._database.read() as connection:
            row = connection.execute("SELECT time_us FROM events ORDER BY event_id DESC LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def dead_leases(self) -> list[str]:
        """The runs, attempts and workers whose lease belongs to a process that is gone.

        They do no harm: whoever resumes the run takes it over.
        """
        with self._database.read() as connection:
            subjects = [subject for (subject,) in connection.execute("SELECT subject FROM leases ORDER BY subject")]
            leases = [_lease.read_lease(connection, subject) for subject in subjects]
        return [lease.subject for lease in leases if lease is not None and not _lease.holder_is_alive(lease)]

    def leftovers(self) -> list[Path]:
        """Folders of killed attempts, artifacts that no commit named, and checkpoints that nobody went on from.

        A checkpoint may be gone on from for a week, by a run that is resumed or one that begins anew.
        Cost: a listing of three folders. What a living process is writing is not among them.
        """
        folders = _folders(self._home.attempts)
        with self._database.read() as connection:
            running = {row[0] for row in connection.execute("SELECT attempt_id FROM attempts WHERE state = 'running'")}
        found = [path for path in folders if path.name not in running and not is_recent(path)]
        artifacts = _folders(self._home.artifacts)
        with self._database.read() as connection:
            known = {digest for (digest,) in connection.execute("SELECT digest FROM artifacts")}
        found += [path for path in artifacts if path.name not in known and not is_recent(path)]
        kept = sorted(self._home.checkpoints.iterdir()) if self._home.checkpoints.is_dir() else []
        return found + [path for path in kept if not is_recent(path, _CHECKPOINT_S)]


def _folders(path: Path) -> list[Path]:
    return [entry for entry in sorted(path.iterdir()) if entry.is_dir()] if path.is_dir() else []


_CHECKPOINT_S = 7 * 86400.0
_RECENT_S = 3600.0  # `save_artifact` works without an attempt, and a commit renames before it records


def is_recent(path: Path, age_s: float = _RECENT_S) -> bool:
    """Whether a folder was made, or touched, within the hour (or `age_s`): somebody may be about to refer to it."""
    try:
        return path.stat().st_mtime > _lease.now_us() / 1e6 - age_s
    except OSError:  # it was removed meanwhile
        return True
