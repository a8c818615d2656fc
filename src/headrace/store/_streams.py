"""Streams: what a follower has committed of a log that has no end, and the spans that were made of it.

    stream_id = digest of the stream's configuration           # without brokers, credentials and folders
    token = store.take_stream(stream_id, source)               # one follower a stream: StoreBusy for a second
    store.append_to_stream(stream_id, token, parts, cursor)    # ONE transaction: parts, cursor, seen message ids
    store.commit_span(stream_id, token, "2013-01", staged, ..) # ONE transaction: artifact, version, its messages

Messages lie in part files under `streams/<stream_id>/`, written and synced before the transaction that names them: a
file that no row names was left by a kill, and goes when the stream is taken next. A transaction of a follower whose
lease was taken over is a LeaseLost, and nothing of it is written.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.errors import LeaseLost, StoreBusy, StoreError
from headrace.store import _lease
from headrace.store._collecting import Collecting
from headrace.store._contract import Staged
from headrace.store._database import Connection
from headrace.store._home import check_digest
from headrace.store._publish import publish
from headrace.store._records import decode, encode

__all__ = ["StreamPart", "StreamRow", "StreamSpan", "Streams"]

_MOST_NAMES = 500  # in one question: SQLite takes 32,766 at most, and older ones 999


@dataclass(frozen=True)
class StreamRow:
    """A stream as it stands.

    Parameters
    ----------
    stream_id : str
        Digest of its configuration.
    source : mapping
        That configuration: plain data without a secret.
    cursor : mapping
        Where its follower goes on, as the follower wrote it; empty before the first commit.
    num_rows, num_set_aside : int
        Messages committed to spans, and those set aside.
    created_us : int
        UTC epoch microseconds.
    """

    stream_id: str
    source: Mapping[str, Any]
    cursor: Mapping[str, Any]
    num_rows: int
    num_set_aside: int
    created_us: int


@dataclass(frozen=True)
class StreamPart:
    """A batch of messages of one span in a part file.

    Parameters
    ----------
    span : str or None
        The span's name; None = set aside.
    file : str
        The file's name in the stream's folder.
    batch_index : int
        Which of the file's batches.
    num_rows : int
        Messages in it.
    version : int or None
        The first version of the span that holds them; None = in none yet.
    time_us : int
        When it was committed, in UTC epoch microseconds; 0 = not yet.
    part_id : int
        Its row; 0 = none yet.
    """

    span: str | None
    file: str
    batch_index: int
    num_rows: int
    version: int | None = None
    time_us: int = 0
    part_id: int = 0


@dataclass(frozen=True)
class StreamSpan:
    """A closed span of a stream, in one version: an artifact of kind "span".

    Parameters
    ----------
    name : str
        Such as 2013-01.
    version : int
        1, and one more each time late rows came.
    digest : str
        The artifact.
    num_rows : int
        Rows in it.
    time_us : int
        When it was closed, in UTC epoch microseconds.
    """

    name: str
    version: int
    digest: str
    num_rows: int
    time_us: int


class Streams(Collecting):
    """The part of a Store that keeps streams."""

    def stream_folder(self, stream_id: str) -> Path:
        """Where a stream's part files lie, whether or not it exists."""
        return self._home.streams / check_digest(stream_id)

    def take_stream(self, stream_id: str, source: Mapping[str, Any]) -> str:
        """Become the one follower of a stream, known or new; returns the token of the lease.

        Part files that a killed follower left are removed. Raises StoreBusy while another follower lives.
        """
        self._refuse_when_read_only()
        disk.make_folder(self._home.streams, mode=0o700)
        folder = disk.make_folder(self.stream_folder(stream_id), mode=0o700)
        with self._database.write() as connection:
            lease = _lease.read_lease(connection, _subject(stream_id))
            if lease is not None and _lease.holder_is_alive(lease):
                raise StoreBusy(
                    f"this stream is followed already, by process {lease.pid} on {lease.host.partition('/')[0]}",
                    where=f"stream {stream_id[:12]}",
                    fix="stop that one first: a stream has one follower a store",
                )
            connection.execute(
                "INSERT INTO streams VALUES (?, ?, ?, ?) ON CONFLICT (stream_id) DO NOTHING",
                (stream_id, encode(dict(source)), encode({}), _lease.now_us()),
            )
            token = _lease.take(connection, _subject(stream_id), self._lease_s).token
            named = {
                name
                for (name,) in connection.execute("SELECT file FROM stream_parts WHERE stream_id = ?", (stream_id,))
            }
            missing = sorted(name for name in named if not (folder / name).exists())
            if missing:  # of a home whose artifacts are in a bucket: messages are not
                raise StoreError(
                    f"{len(missing)} files of this stream are not here, {missing[0]} first",
                    where=str(folder),
                    expected="what was committed of it",
                    fix="follow it in the home where it was begun, or set artifacts to a folder that the homes share",
                )
        there = {path.name: path for path in folder.iterdir()}
        for name in there.keys() - named:
            there[name].unlink(missing_ok=True)
        return token

    def renew_stream(self, stream_id: str, token: str) -> None:
        """Move the end of a follower's lease; LeaseLost when another has taken over."""
        with self._database.write() as connection:
            _lease.renew(connection, _subject(stream_id), token, self._lease_s)

    def release_stream(self, stream_id: str, token: str) -> None:
        """Stop being the follower; one that lost its lease has nothing to give up."""
        try:
            with self._database.write() as connection:
                _lease.release(connection, _subject(stream_id), token)
        except LeaseLost:
            return

    def stream(self, stream_id: str) -> StreamRow | None:
        """A stream as it stands, or None."""
        with self._database.read() as connection:
            return next(iter(_rows(connection, " WHERE streams.stream_id = ?", (stream_id,))), None)

    def followed_streams(self) -> list[StreamRow]:
        """All streams, in the order in which they were first followed."""
        with self._database.read() as connection:
            return _rows(connection, "", ())

    def stream_parts(self, stream_id: str) -> list[StreamPart]:
        """The parts of a stream in the order in which they were committed, those set aside among them."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT span, file, batch_index, num_rows, version, time_us, part_id FROM stream_parts"
                " WHERE stream_id = ? ORDER BY part_id",
                (stream_id,),
            ).fetchall()
        return [StreamPart(*row) for row in rows]

    def stream_spans(self, stream_id: str) -> list[StreamSpan]:
        """Every version of every closed span of a stream, in the order in which they were closed."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT span, version, digest, num_rows, time_us FROM stream_spans WHERE stream_id = ? ORDER BY rowid",
                (stream_id,),
            ).fetchall()
        return [StreamSpan(*row) for row in rows]

    def seen_messages(self, stream_id: str, message_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are committed and still remembered. Cost: one look-up by key each."""
        found: set[str] = set()
        with self._database.read() as connection:
            for first in range(0, len(message_ids), _MOST_NAMES):
                asked = message_ids[first : first + _MOST_NAMES]
                marks = ",".join("?" * len(asked))
                found.update(
                    name
                    for (name,) in connection.execute(
                        f"SELECT message_id FROM stream_messages WHERE stream_id = ? AND message_id IN ({marks})",  # noqa: S608  # question marks
                        (stream_id, *asked),
                    )
                )
        return found

    def append_to_stream(
        self,
        stream_id: str,
        token: str,
        parts: Sequence[StreamPart],
        cursor: Mapping[str, Any],
        *,
        seen: Sequence[str] = (),
        forget_before_us: int = 0,
    ) -> None:
        """Commit messages: their parts, where to go on, and their ids, in one transaction.

        Parameters
        ----------
        stream_id, token : str
            From `take_stream`.
        parts : sequence of StreamPart
            Their files are on the disk.
        cursor : mapping
            Where the follower goes on.
        seen : sequence of str
            Ids to remember, so that a message that is delivered again is known.
        forget_before_us : int
            Ids committed before this moment, UTC epoch microseconds, are forgotten.

        Raises LeaseLost, with nothing written, when another follower has taken over.
        """
        now = _lease.now_us()
        with self._database.write() as connection:
            _lease.renew(connection, _subject(stream_id), token, self._lease_s)
            self._insert_parts(connection, stream_id, parts)
            connection.execute("UPDATE streams SET cursor = ? WHERE stream_id = ?", (encode(dict(cursor)), stream_id))
            connection.executemany(
                "INSERT INTO stream_messages VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(stream_id, name, now) for name in seen],
            )
            if forget_before_us:
                connection.execute(
                    "DELETE FROM stream_messages WHERE stream_id = ? AND time_us < ?", (stream_id, forget_before_us)
                )

    def merge_parts(
        self, stream_id: str, token: str, replaced: Sequence[StreamPart], merged: Sequence[StreamPart]
    ) -> None:
        """Put parts in the place of others that hold the same messages, in one transaction; then remove their files.

        Raises LeaseLost, with nothing changed, when another follower has taken over.
        """
        with self._database.write() as connection:
            _lease.renew(connection, _subject(stream_id), token, self._lease_s)
            self._replace_parts(connection, stream_id, replaced, merged)
        self._remove_files(stream_id, replaced)

    def commit_span(
        self,
        stream_id: str,
        token: str,
        name: str,
        staged: Staged,
        num_rows: int,
        *,
        replaced: Sequence[StreamPart],
        merged: Sequence[StreamPart],
    ) -> StreamSpan:
        """Close a span, or make a new version of one: its artifact, its version and its messages in one transaction.

        Parameters
        ----------
        stream_id, token : str
            From `take_stream`.
        name : str
            The span.
        staged : Staged
            The artifact, written into a folder under attempts/.
        num_rows : int
            Rows in it.
        replaced, merged : sequence of StreamPart
            The parts it was made of, and those that now hold their messages.

        Raises LeaseLost, with nothing recorded, when another follower has taken over; StoreError when the disk refuses.
        """
        with self._database.read() as connection:
            known = self._known(connection, [staged.digest])
        published = publish(self._home, {"span": staged}, known)
        now = _lease.now_us()
        with self._database.write() as connection:
            _lease.renew(connection, _subject(stream_id), token, self._lease_s)
            self._insert_artifacts(connection, published.values())
            (version,) = connection.execute(
                "SELECT coalesce(max(version), 0) + 1 FROM stream_spans WHERE stream_id = ? AND span = ?",
                (stream_id, name),
            ).fetchone()
            connection.execute(
                "INSERT INTO stream_spans VALUES (?, ?, ?, ?, ?, ?)",
                (stream_id, name, version, staged.digest, num_rows, now),
            )
            self._replace_parts(connection, stream_id, replaced, merged, version=version)
            body = {"stream": stream_id, "span": name, "version": version, "digest": staged.digest}
            self._append(connection, "span-closed", body)
        self._remove_files(stream_id, replaced)
        # Whoever watches files sees that the spans of this stream have changed.
        disk.write_file(
            self.stream_folder(stream_id).with_suffix(".closed"), f"{name} {version}\n".encode(), sync=False
        )
        return StreamSpan(name, version, staged.digest, num_rows, now)

    def attempt_folder(self) -> Path:
        """A new folder for what is to be staged; whoever asks removes it."""
        return disk.make_folder(self._home.attempts / uuid.uuid4().hex, mode=0o700)

    def _replace_parts(
        self,
        connection: Connection,
        stream_id: str,
        replaced: Sequence[StreamPart],
        merged: Sequence[StreamPart],
        version: int | None = None,
    ) -> None:
        connection.executemany("DELETE FROM stream_parts WHERE part_id = ?", [(part.part_id,) for part in replaced])
        self._insert_parts(connection, stream_id, merged, version)

    @staticmethod
    def _insert_parts(
        connection: Connection, stream_id: str, parts: Sequence[StreamPart], version: int | None = None
    ) -> None:
        connection.executemany(
            "INSERT INTO stream_parts (stream_id, span, file, batch_index, num_rows, version, time_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    stream_id,
                    part.span,
                    part.file,
                    part.batch_index,
                    part.num_rows,
                    None if part.span is None else version or part.version,
                    part.time_us or _lease.now_us(),
                )
                for part in parts
            ],
        )

    def _remove_files(self, stream_id: str, parts: Sequence[StreamPart]) -> None:
        """The files of parts that are gone, where no other part is in them."""
        with self._database.read() as connection:
            for name in sorted({part.file for part in parts}):
                left = connection.execute(
                    "SELECT 1 FROM stream_parts WHERE stream_id = ? AND file = ? LIMIT 1", (stream_id, name)
                ).fetchone()
                if left is None:
                    (self.stream_folder(stream_id) / name).unlink(missing_ok=True)


def _subject(stream_id: str) -> str:
    return f"stream {stream_id}"


def _rows(connection: Connection, where: str, values: tuple[str, ...]) -> list[StreamRow]:
    found = connection.execute(
        "SELECT streams.stream_id, source, cursor, coalesce(sum(num_rows) FILTER (WHERE span IS NOT NULL), 0),"  # noqa: S608  # our own words
        " coalesce(sum(num_rows) FILTER (WHERE part_id IS NOT NULL AND span IS NULL), 0), created_us FROM streams"
        f" LEFT JOIN stream_parts ON stream_parts.stream_id = streams.stream_id{where}"
        " GROUP BY streams.stream_id ORDER BY created_us, streams.rowid",
        values,
    ).fetchall()
    return [StreamRow(row[0], decode(row[1]), decode(row[2]), *row[3:]) for row in found]
