"""What every stream must do: deliver each message at least once, in its place, and again until it is acknowledged."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.engine.reference import build, describe
from headrace.errors import StoreBusy
from headrace.ingestion import Connection, Stream, WrittenSpan, resolve_spans, write_span
from headrace.ingestion.closed import newest_versions
from headrace.ingestion.following import Follower, Limits
from headrace.ingestion.sources.jsonl import Jsonl
from headrace.ingestion.streams._contract import MESSAGES
from headrace.store import Store

__all__ = ["StreamCases", "events", "follow_until"]

_PATIENCE_S = 40.0
_FIRST = datetime(2013, 1, 1, tzinfo=UTC)


def events(first: int, last: int, *, minutes: int = 60) -> list[bytes]:
    """Numbered messages, one every `minutes` from 2013 on: JSON with texts, numbers and a null in every column."""
    found = []
    for number in range(first, last):
        moment = (_FIRST + timedelta(minutes=minutes * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        row: dict[str, Any] = {"number": number, "at": moment, "share": number / 7, "word": f"w{number % 5}"}
        if number % 11 == 3:
            row["share"] = row["word"] = None
        found.append(json.dumps(row).encode())
    return found


def follow_until(
    store: Store,
    stream: Any,
    is_enough: Callable[[Store], bool],
    *,
    limits: Limits | None = None,
    base: Path | None = None,
) -> list[dict[str, Any]]:
    """Follow a stream until enough has been committed or closed; what the follower told."""
    told: list[dict[str, Any]] = []
    follower = Follower(store, stream, base=base, limits=limits or Limits(wait_s=0.2), tell=told.append)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            follower.run(is_following=True)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + _PATIENCE_S
    try:
        while thread.is_alive() and time.monotonic() < until and not is_enough(store):
            time.sleep(0.05)
    finally:
        follower.stop()
        thread.join()
    if errors:
        raise errors[0]
    assert is_enough(store), f"not enough after {_PATIENCE_S} s: {told[-1:]}"
    return told


class StreamCases:
    """Inherit in a test class and say how messages get to where the stream finds them.

    class TestMyStream(StreamCases):
        def publish(self, place, messages): ...    # in order, to one partition; called again for more
        def stream(self, place, **parameters): ... # the stream of what was published to this place
        def place(self, ...): ...                  # a fixture: a folder, a topic, a subscription, new for each test
    """

    def publish(self, place: Any, messages: Sequence[bytes]) -> None:
        """Send messages, in order."""
        raise NotImplementedError

    def stream(self, place: Any, **parameters: Any) -> Stream:
        """A stream of what is published to this place."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> Any:
        """Where messages are published; a folder unless the class says otherwise."""
        return tmp_path

    def _stream(self, place: Any, **parameters: Any) -> Stream:
        return self.stream(place, **{"time": "at", "span": "day", "types": {"number": "int64"}, **parameters})

    @staticmethod
    def _take(connection: Connection, wanted: int, limit: int = 1000) -> tuple[pa.Table, list[Any], dict[str, int]]:
        """The first messages, the receipts of all polls, and where to go on."""
        batches: list[pa.RecordBatch] = []
        receipts: list[Any] = []
        following: dict[str, int] = {}
        until = time.monotonic() + _PATIENCE_S
        while sum(batch.num_rows for batch in batches) < wanted and time.monotonic() < until:
            delivery = connection.poll(limit, 0.2)
            assert delivery.batch.schema == MESSAGES
            batches.append(delivery.batch)
            receipts.append(delivery.receipt)
            following.update(delivery.following)
        return pa.Table.from_batches(batches, schema=MESSAGES), receipts, following

    def test_what_was_published_is_delivered(self, place: Any) -> None:
        """Each message arrives whole, once, at a place of its own that grows with the order of publishing."""
        messages = events(0, 40)
        self.publish(place, messages)
        connection = self._stream(place).connect()
        try:
            connection.seek({})
            table, _, _ = self._take(connection, len(messages))
        finally:
            connection.close()
        rows = table.sort_by([("partition", "ascending"), ("position", "ascending"), ("message_id", "ascending")])
        assert sorted(table["data"].to_pylist()) == sorted(messages)
        assert rows.num_rows == len(messages)
        places = list(zip(*(rows[name].to_pylist() for name in ("partition", "position", "message_id")), strict=True))
        assert len(set(places)) == len(messages)
        assert rows["fault"].null_count == len(messages)

    def test_a_silent_stream_says_so(self, place: Any) -> None:
        """A poll without messages returns in time, with no rows; what there is says how much waits."""
        self.publish(place, events(0, 3))
        connection = self._stream(place).connect()
        try:
            connection.seek({})
            self._take(connection, 3)
            began = time.monotonic()
            delivery = connection.poll(100, 0.1)
            assert delivery.batch.num_rows == 0
            assert delivery.waiting and not any(delivery.waiting.values())
            assert time.monotonic() - began < _PATIENCE_S
        finally:
            connection.close()

    def test_what_was_acknowledged_does_not_come_again(self, place: Any) -> None:
        """After a commit, another connection goes on behind it; what was not acknowledged comes again."""
        messages = events(0, 30)
        self.publish(place, messages[:20])
        first = self._stream(place).connect()
        try:
            first.seek({})
            table, receipts, following = self._take(first, 20)
            for receipt in receipts:
                first.acknowledge(receipt)
        finally:
            first.close()
        self.publish(place, messages[20:])
        for _ in range(2):  # the first of the two acknowledges nothing
            connection = self._stream(place).connect()
            try:
                connection.seek(following)
                table, _, _ = self._take(connection, 10)
            finally:
                connection.close()
            assert sorted(table["data"].to_pylist()) == sorted(messages[20:])

    def test_it_is_plain_data(self, place: Any) -> None:
        """A stream travels as plain data, is known by it, and by nothing that says where or how fast."""
        stream = self._stream(place)
        again = build(json.loads(json.dumps(describe(stream))))
        assert again == stream and again.stream_id == stream.stream_id
        assert self._stream(place, late_s=5.0, idle_s=1.0, ahead_s=2.0).stream_id == stream.stream_id
        assert self._stream(place, span="hour").stream_id != stream.stream_id
        assert self._stream(place, types={}).stream_id != stream.stream_id

    @pytest.mark.parametrize("rows", [1, 7, 50_000])
    def test_spans_are_those_of_the_batch_path(self, place: Any, tmp_path: Path, rows: int) -> None:
        """However messages are held and committed, a closed span is the artifact that the same rows make as a file."""
        messages = events(0, 60)
        self.publish(place, messages)
        stream = self._stream(place, idle_s=0.3)
        with Store.open(tmp_path / "home") as store:
            follow_until(store, stream, lambda store: _closed(store, stream) == 60, limits=Limits(rows, wait_s=0.2))
            spans = newest_versions(store, stream.stream_id)
            assert [(span.name, span.version) for span in spans] == [(f"2013-01-0{day}", 1) for day in (1, 2, 3)]
            for index, span in enumerate(spans):
                assert span.digest == _batch_digest(tmp_path / f"{rows}-{index}", messages[24 * index :][:24])
                assert store.load_artifact(span.digest, WrittenSpan).num_rows == span.num_rows
            assert store.verify() == []

    def test_kept_from_acknowledging(self, place: Any, tmp_path: Path) -> None:
        """A follower that commits and dies before it acknowledges: what comes again is known, and in no span twice."""
        self.publish(place, events(0, 30))
        stream = self._stream(place, idle_s=0.3)
        with Store.open(tmp_path / "home") as store:
            with pytest.raises(_Cut):
                follow_until(store, _Unacknowledged(stream), lambda store: False, limits=Limits(10, wait_s=0.2))
            assert _rows(store, stream) > 0
            self.publish(place, events(30, 40))
            follow_until(store, stream, lambda store: _closed(store, stream) >= 40)
            assert sorted(_numbers(store, stream)) == list(range(40))

    def test_what_is_no_message_is_set_aside(self, place: Any, tmp_path: Path) -> None:
        """Bad JSON, wrong types, no event time, a clock far ahead, no UTF-8: each has its reason, all others pass."""
        good = events(0, 10)
        bad = {
            b"not json": "not a JSON object",
            b'{"number": 1, "at": }': "Invalid value",
            b'{"number": "x", "at": "2013-01-01T00:00:00Z"}': "column 'number' is no number but a string",
            b'{"number": 1}': "no event time",
            b'{"number": 1, "at": "yesterday"}': "couldn't parse|not of type",
            b'{"number": 1, "at": "2999-01-01T00:00:00Z"}': "ahead of its arrival",
            b'{"number": 1, "at": "2013-01-01T00:00:00Z", "word": "\xff"}': "not UTF-8",
            b'{"number": 1} {"number": 2}': "2 JSON objects",
        }
        self.publish(place, [*good[:5], *bad, *good[5:]])
        stream = self._stream(place, idle_s=0.3)
        with Store.open(tmp_path / "home") as store:
            follow_until(store, stream, lambda store: _closed(store, stream) == 10)
            row = store.stream(stream.stream_id)
            assert row is not None and (row.num_rows, row.num_set_aside) == (10, len(bad))
            found = {item["data"]: item["reason"] for item in _set_aside(store, stream)}
        assert found.keys() == bad.keys()
        for data, reason in bad.items():
            assert re.search(reason, found[data]), (data, found[data])

    def test_late_rows_make_a_new_version(self, place: Any, tmp_path: Path) -> None:
        """Rows for a closed span make its next version, of all its rows in order; other spans stay as they are."""
        messages = events(0, 50)
        early, late = [*messages[:20], *messages[24:]], messages[20:24]
        stream = self._stream(place, idle_s=0.3)
        self.publish(place, early)
        with Store.open(tmp_path / "home") as store:
            follow_until(store, stream, lambda store: _closed(store, stream) == 46)
            before = {span.name: span for span in newest_versions(store, stream.stream_id)}
            self.publish(place, late)
            follow_until(store, stream, lambda store: _closed(store, stream) == 50)
            after = {span.name: span for span in newest_versions(store, stream.stream_id)}
            assert after["2013-01-01"].version == 2 and after["2013-01-02"] == before["2013-01-02"]
            assert after["2013-01-01"].digest == _batch_digest(tmp_path / "all", [*early[:20], *late])
            resolved = resolve_spans(stream, store=store)
        assert [(span.name, span.version) for span in resolved] == [
            ("2013-01-01", 2), ("2013-01-02", 1), ("2013-01-03", 1)
        ]  # fmt: skip

    def test_one_follower_a_stream(self, place: Any, tmp_path: Path) -> None:
        """A second follower of the same store is refused, and says who is there; after the first has gone it may."""
        self.publish(place, events(0, 5))
        stream = self._stream(place, idle_s=0.3)
        with Store.open(tmp_path / "home") as store:
            token = store.take_stream(stream.stream_id, stream.identity)
            with pytest.raises(StoreBusy, match="followed already, by process"):
                Follower(store, stream).run(is_following=False)
            store.release_stream(stream.stream_id, token)
            follow_until(store, stream, lambda store: _closed(store, stream) == 5)


class _Cut(Exception):
    """The follower was made to end."""


class _Unacknowledged:
    """A stream whose connections end the follower when they are to acknowledge."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def connect(self, base: Path | None = None) -> Any:
        connection = self._stream.connect(base)

        def refuse(receipt: Any) -> None:
            raise _Cut

        connection.acknowledge = refuse  # type: ignore[method-assign]
        return connection


def _rows(store: Store, stream: Stream) -> int:
    row = store.stream(stream.stream_id)
    return 0 if row is None else row.num_rows


def _closed(store: Store, stream: Stream) -> int:
    return sum(span.num_rows for span in newest_versions(store, stream.stream_id))


def _numbers(store: Store, stream: Stream) -> list[int]:
    found: list[int] = []
    for span in newest_versions(store, stream.stream_id):
        found += pq.read_table(store.artifact_folder(span.digest) / "0.parquet")["number"].to_pylist()
    return found


def _set_aside(store: Store, stream: Stream) -> list[dict[str, Any]]:
    from headrace.ingestion.parts import read_part

    folder = store.stream_folder(stream.stream_id)
    parts = [part for part in store.stream_parts(stream.stream_id) if part.span is None]
    return [row for part in parts for row in read_part(folder, part).to_pylist()]


def _batch_digest(folder: Path, messages: Sequence[bytes]) -> str:
    """The digest of the span artifact that a JSON lines file of these messages makes."""
    (folder / "span").mkdir(parents=True)
    (folder / "rows.jsonl").write_bytes(b"".join(message + b"\n" for message in messages))
    source = Jsonl(str(folder / "rows.jsonl"), types={"number": "int64"})
    (span,) = resolve_spans(source)
    return write_span(span, folder / "span", source=source).digest
