"""Following a stream: what has come is committed, then acknowledged; a span that is over is closed.

    poll -> judge -> hold -> ONE transaction (parts, cursor, seen ids) -> acknowledge -> close what the watermark passed

A kill between any two of these loses nothing and repeats nothing: what was not committed comes again, from the cursor
or because it was not acknowledged; what was committed and comes again is known, by its position or its id; a span whose
version is not recorded is closed again, to the same bytes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.ingestion.closing import close_span
from headrace.ingestion.event_spans import EventSpans
from headrace.ingestion.messages import judge
from headrace.ingestion.parts import PART, in_order, tier_to_merge, write_parts
from headrace.ingestion.streams._contract import Connection, Delivery, Stream
from headrace.ingestion.watermark import Watermark
from headrace.store import Store, StreamPart

__all__ = ["Follower", "Limits"]

_POLL_S = 0.2
_LATE_S = 60.0  # rows that came late make a new version after this, or as soon as nothing else comes
_REMEMBER_S = 86400.0


@dataclass(frozen=True)
class Limits:
    """How much is held before it is committed, whichever is reached first.

    Parameters
    ----------
    rows : int
        Messages.
    size_bytes : int
        Of their data.
    wait_s : float
        Since the first of them came, in seconds.
    remember_s : float
        How long the id of a message is known, in seconds, where messages have no position to tell by.
    """

    rows: int = 50_000
    size_bytes: int = 64 << 20
    wait_s: float = 1.0
    remember_s: float = _REMEMBER_S


@dataclass
class _Held:
    """What has come and is not committed."""

    kept: list[pa.RecordBatch] = field(default_factory=list)
    aside: list[pa.RecordBatch] = field(default_factory=list)
    receipts: list[Any] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    num_rows: int = 0
    size_bytes: int = 0
    since_s: float = 0.0


class _Stopped(Exception):
    """The follower was asked to end while it was closing a span."""


class Follower:
    """The one follower of a stream in a store.

    Parameters
    ----------
    store : Store
        Where it is committed.
    stream : Stream
        What is followed.
    base : Path or None
        Where a relative path starts.
    limits : Limits
        When to commit.
    tell : callable
        Told each commit and each closed span, as plain data with an "event".
    """

    def __init__(
        self,
        store: Store,
        stream: Stream,
        *,
        base: Path | None = None,
        limits: Limits | None = None,
        tell: Callable[[dict[str, Any]], None] = lambda event: None,
    ) -> None:
        self.store, self.stream, self.limits, self.tell = store, stream, limits or Limits(), tell
        self._base = base
        self._id = stream.stream_id
        self._spans = EventSpans(stream.span, stream.time_zone)
        self._token = ""
        self._is_stopping = False
        self._held = _Held()
        self._following: dict[str, int] = {}
        self._renewed_s = time.monotonic()
        self._began_s = time.monotonic()
        self._versions: dict[str, int] = {}
        self._parts: dict[int, StreamPart] = {}
        self.num_rows = self.num_set_aside = self.num_closed = self.num_again = 0
        self.waiting: int | None = None

    def stop(self) -> None:
        """Ask `run` to commit what it holds and return; from a signal handler or another thread."""
        self._is_stopping = True

    def run(self, *, is_following: bool) -> None:
        """Follow until `stop`, or, without `is_following`, until all that is there was taken and its spans are closed.

        Raises what connecting and polling raise, StoreBusy while another follower lives, StoreError when the disk
        refuses; nothing is half-committed then, and nothing was acknowledged that is not committed.
        """
        with contextlib.ExitStack() as stack:
            connection = self.stream.connect(self._base)
            stack.callback(connection.close)
            self._token = self.store.take_stream(self._id, self.stream.identity)
            stack.callback(self.store.release_stream, self._id, self._token)
            row = self.store.stream(self._id)
            cursor = dict(row.cursor) if row is not None else {}
            self._following = dict(cursor.get("following", {}))
            self._watermark = Watermark(self.stream.late_s, self.stream.idle_s, cursor.get("newest_us", {}))
            self._versions = {span.name: span.version for span in self.store.stream_spans(self._id)}
            self._look()
            connection.seek(self._following)
            is_at_end = False
            while not self._is_stopping and not is_at_end:
                is_at_end = self._turn(connection) and not is_following
            self._commit(connection)
            if is_at_end:
                self._close(is_at_end=True)

    def _turn(self, connection: Connection) -> bool:
        """Poll once, commit and close what is due; returns whether everything that was there was taken."""
        held = self._held
        room = max(1, self.limits.rows - held.num_rows)
        wait_s = _POLL_S if not held.receipts else max(0.0, held.since_s + self.limits.wait_s - time.monotonic())
        delivery = connection.poll(room, min(_POLL_S, wait_s))
        spoke = self._take(delivery)
        self._watermark.hear(delivery.waiting, spoke)
        numbers = list(delivery.waiting.values())
        self.waiting = None if None in numbers else sum(filter(None, numbers))
        is_quiet = not delivery.batch.num_rows
        is_due = (
            held.num_rows >= self.limits.rows
            or held.size_bytes >= self.limits.size_bytes
            or (bool(held.receipts) and time.monotonic() - held.since_s >= self.limits.wait_s)
        )
        is_at_end = is_quiet and self.waiting == 0
        # A service that keeps account may hold back what comes next until what came is acknowledged.
        is_held_back = is_quiet and not self._following
        if is_due or is_at_end or is_held_back:
            self._commit(connection)
        # What is held has moved the watermark, and is not committed: a span that it passed may still be in there.
        if (is_due or is_quiet) and not self._held.num_rows:
            with contextlib.suppress(_Stopped):
                self._close(is_quiet=is_quiet)
        self._renew()
        return is_at_end

    def _take(self, delivery: Delivery) -> set[str]:
        """Hold a delivery's new messages, judged; returns the partitions that had any."""
        held, batch = self._held, delivery.batch
        if batch.num_rows:
            if not held.receipts:
                held.since_s = time.monotonic()
            held.receipts.append(delivery.receipt)
            batch = self._new(batch)
            self._following.update(delivery.following)
        if not batch.num_rows:
            return set(pc.unique(delivery.batch.column("partition")).to_pylist())
        now_us = time.time_ns() // 1000
        judged = judge(batch, self.stream, now_us)
        arrived = pa.array([now_us], pa.int64()).take(pa.array([0] * batch.num_rows, pa.int64()))
        places = [batch.column(name) for name in ("partition", "position", "message_id")]
        whole = [*places, arrived, batch.column("data")]
        if len(judged.kept):
            partition, position, name, arrival, data = (column.take(judged.kept) for column in whole)
            reasons = pa.nulls(len(judged.kept), pa.string())
            columns = [partition, position, name, judged.event_us, arrival, data, reasons]
            held.kept.append(pa.RecordBatch.from_arrays(columns, schema=PART))
            newest = pa.table({"partition": partition, "event": judged.event_us}).group_by("partition")
            for row in newest.aggregate([("event", "max")]).to_pylist():
                self._watermark.see(row["partition"], row["event_max"])
        if judged.reasons:
            rows = pa.array(list(judged.reasons), pa.int64())
            partition, position, name, arrival, data = (column.take(rows) for column in whole)
            columns = [partition, position, name, pa.nulls(len(rows), pa.int64()), arrival, data]
            reasons = pa.array(list(judged.reasons.values()), pa.string())
            held.aside.append(pa.RecordBatch.from_arrays([*columns, reasons], schema=PART))
        held.num_rows += batch.num_rows
        held.size_bytes += batch.nbytes
        return set(pc.unique(delivery.batch.column("partition")).to_pylist())

    def _new(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that are neither committed nor held: by position where there is one to tell by, else by id."""
        names = batch.column("message_id")
        if names.null_count == len(names):
            limits = {name: self._following.get(name, -1) for name in pc.unique(batch.column("partition")).to_pylist()}
            if all(limit < 0 for limit in limits.values()):
                return batch
            places = batch.column("partition").dictionary_encode()
            lowest = pa.array([limits[name] for name in places.dictionary.to_pylist()], pa.int64()).take(places.indices)
            return batch.filter(pc.greater_equal(batch.column("position"), lowest))
        ids: list[str] = names.to_pylist()
        known = self.store.seen_messages(self._id, [name for name in ids if name not in self._held.ids])
        fresh: list[int] = []
        for row, name in enumerate(ids):
            if name not in known and name not in self._held.ids:
                self._held.ids.add(name)
                fresh.append(row)
        self.num_again += len(ids) - len(fresh)
        return batch if len(fresh) == len(ids) else batch.take(pa.array(fresh, pa.int64()))

    def _commit(self, connection: Connection) -> None:
        held = self._held
        if held.num_rows:
            folder = self.store.stream_folder(self._id)
            parts = write_parts(folder, self._groups(held))
            cursor = {"following": self._following, "newest_us": self._watermark.newest_us}
            forget_us = time.time_ns() // 1000 - round(self.limits.remember_s * 1e6)
            self.store.append_to_stream(
                self._id, self._token, parts, cursor, seen=sorted(held.ids), forget_before_us=forget_us
            )
        for receipt in held.receipts:
            connection.acknowledge(receipt)
        if not held.num_rows:
            self._held = _Held()
            return
        num_aside = sum(batch.num_rows for batch in held.aside)
        self.num_rows += held.num_rows - num_aside
        self.num_set_aside += num_aside
        self._held = _Held()
        self._look()
        self._merge()
        self._say("commit", rows=held.num_rows - num_aside, set_aside=num_aside)

    def _groups(self, held: _Held) -> Iterator[tuple[str | None, pa.RecordBatch]]:
        """What is held, by span and partition and in order: the places of such batches seldom overlap."""
        if held.kept:
            table = pa.Table.from_batches(held.kept)
            table = table.append_column("span", self._spans.names(table["event_us"].combine_chunks()))
            keys = [(name, "ascending") for name in ("span", "partition", "position", "message_id")]
            table = table.sort_by(keys).combine_chunks()
            bounds = table.select(["span", "partition"]).to_batches()[0]
            spans, partitions = (column.to_pylist() for column in bounds.columns)
            first = 0
            for last in range(1, len(spans) + 1):
                is_other = last == len(spans) or spans[last] != spans[first] or partitions[last] != partitions[first]
                if is_other:
                    piece = table.slice(first, last - first).drop_columns(["span"])
                    yield spans[first], piece.combine_chunks().to_batches()[0]
                    first = last
        if held.aside:
            yield None, pa.Table.from_batches(held.aside).combine_chunks().to_batches()[0]

    def _look(self) -> None:
        self._parts = {part.part_id: part for part in self.store.stream_parts(self._id)}

    def _merge(self) -> None:
        folder = self.store.stream_folder(self._id)
        while some := tier_to_merge(list(self._parts.values())):
            span, version = some[0].span, some[0].version
            written = write_parts(folder, ((span, block) for block in in_order(folder, some)))
            times = min(part.time_us for part in some)
            merged = [StreamPart(span, p.file, p.batch_index, p.num_rows, version, times) for p in written]
            self.store.merge_parts(self._id, self._token, some, merged)
            self._look()

    def _close(self, *, is_at_end: bool = False, is_quiet: bool = False) -> None:
        """Close each span that the watermark has passed, and make new versions of those that had late rows."""
        watermark_us = self._watermark.value_us(is_at_end=is_at_end)
        if watermark_us is None:
            return
        by_span: dict[str, list[StreamPart]] = {}
        for part in self._parts.values():
            if part.span is not None:
                by_span.setdefault(part.span, []).append(part)
        old_us = time.time_ns() // 1000 - round(_LATE_S * 1e6)
        for name, parts in sorted(by_span.items()):
            new = [part for part in parts if part.version is None]
            is_late = name in self._versions
            is_ripe = not is_late or is_at_end or is_quiet or min(part.time_us for part in new or parts) < old_us
            if new and is_ripe and self._spans.end_us(name) <= watermark_us:
                self._close_one(name, parts)
        self._renew()

    def _close_one(self, name: str, parts: Sequence[StreamPart]) -> None:
        version = close_span(self.store, self._token, self.stream, name, parts, self._check)
        self._look()
        if version is not None:
            self._versions[name] = version.version
            self.num_closed += 1
            self._say("closed", span=name, version=version.version, rows=version.num_rows, digest=version.digest)

    def _check(self) -> None:
        if self._is_stopping:
            raise _Stopped
        self._renew()

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_s > self.store.lease_s / 3:
            self.store.renew_stream(self._id, self._token)
            self._renewed_s = time.monotonic()

    def _say(self, event: str, **facts: Any) -> None:
        passed_s = max(time.monotonic() - self._began_s, 1e-9)
        self.tell(
            {
                "event": event,
                "stream": self.stream.label,
                **facts,
                "total_rows": self.num_rows,
                "total_set_aside": self.num_set_aside,
                "total_again": self.num_again,
                "rate_per_s": round(self.num_rows / passed_s, 1),
                "watermark_us": self._watermark.value_us(),
                "waiting_rows": self.waiting,
            }
        )
