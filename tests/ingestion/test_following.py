"""Following: what is held, committed and closed, with the disk failing at every call and partitions at odds."""

import errno
import json
import time

import pyarrow.parquet as pq
import pytest

from headrace.errors import InvalidInput, LeaseLost, StoreError
from headrace.ingestion import closing, parts
from headrace.ingestion.closed import newest_versions
from headrace.ingestion.following import Follower, Limits
from headrace.ingestion.sources.jsonl import Jsonl
from headrace.ingestion.streams.lines import Lines
from headrace.store import Store
from headrace.testing.faults import Faults
from headrace.testing.stream_cases import events


def write(path, messages):
    """Append lines."""
    with path.open("ab") as file:
        file.writelines(message + b"\n" for message in messages)


def take_in(store, folder, *, limits=None, pattern="*.jsonl", **parameters):
    """Take what is there; the stream and what the follower told."""
    stream = Lines(pattern, base=str(folder), **{"time": "at", **parameters})
    told = []
    Follower(store, stream, limits=limits, tell=told.append).run(is_following=False)
    return stream, told


def closed(store, stream, column="number"):
    """A column of all closed spans, by span."""
    return {
        span.name: pq.read_table(store.artifact_folder(span.digest) / "0.parquet")[column].to_pylist()
        for span in newest_versions(store, stream.stream_id)
    }


def set_aside(store, stream):
    """Message -> reason."""
    folder = store.stream_folder(stream.stream_id)
    kept = [part for part in store.stream_parts(stream.stream_id) if part.span is None]
    return {row["data"]: row["reason"] for part in kept for row in parts.read_part(folder, part).to_pylist()}


@pytest.mark.slow
def test_a_disk_that_fails_loses_nothing(tmp_path, monkeypatch):
    """Whichever write, fsync or rename fails: one StoreError, and the same command makes of it what it always makes."""
    write(tmp_path / "log.jsonl", events(0, 40))
    with Store.open(tmp_path / "sound") as store:
        stream, _ = take_in(store, tmp_path, limits=Limits(rows=20))
        sound = {span.name: span.digest for span in newest_versions(store, stream.stream_id)}
    failed = 0
    for fails_at in range(1, 200):
        with Store.open(tmp_path / f"home{fails_at}") as store:
            with Faults(monkeypatch, fails_at=fails_at, error=errno.ENOSPC) as faults:
                try:
                    take_in(store, tmp_path, limits=Limits(rows=20))
                except StoreError:
                    failed += 1
            stream, _ = take_in(store, tmp_path)
            assert {span.name: span.digest for span in newest_versions(store, stream.stream_id)} == sound
            assert store.verify() == [] and store.dead_leases() == []
            assert store.followed_streams()[0].num_rows == 40
            named = {part.file for part in store.stream_parts(stream.stream_id)}
            assert {path.name for path in store.stream_folder(stream.stream_id).iterdir()} == named
        if not faults.has_failed:
            break
    assert failed > 10


def test_a_follower_that_was_taken_over_commits_nothing(tmp_path, monkeypatch):
    """A process that wakes up after another has taken its lease gets LeaseLost, and no row of it is there."""
    write(tmp_path / "log.jsonl", events(0, 5))
    stream = Lines("log.jsonl", base=str(tmp_path), time="at")
    with Store.open(tmp_path / "home") as store:
        token = store.take_stream(stream.stream_id, stream.identity)
        with monkeypatch.context() as patch:
            patch.setattr("headrace.store._lease.holder_is_alive", lambda lease: False)
            store.take_stream(stream.stream_id, stream.identity)
        with pytest.raises(LeaseLost):
            store.append_to_stream(
                stream.stream_id, token, [parts.StreamPart("2013-01-01", "x", 0, 5)], {"following": {}}
            )
        assert store.stream(stream.stream_id).num_rows == 0


def test_a_window_of_ids_is_remembered(tmp_path):
    """Ids are forgotten after the window and not before: the memory of redelivery is bounded."""
    stream = Lines("log.jsonl", base=str(tmp_path), time="at")
    with Store.open(tmp_path / "home") as store:
        token = store.take_stream(stream.stream_id, stream.identity)
        store.append_to_stream(stream.stream_id, token, [], {}, seen=["a", "b"])
        assert store.seen_messages(stream.stream_id, ["a", "b", "c"]) == {"a", "b"}
        later_us = time.time_ns() // 1000 + 1
        store.append_to_stream(stream.stream_id, token, [], {}, seen=["c"], forget_before_us=later_us)
        store.append_to_stream(stream.stream_id, token, [], {}, seen=["d"])
        assert store.seen_messages(stream.stream_id, ["a", "b", "d"]) == {"d"}


def test_rows_are_in_the_order_of_partition_and_place(tmp_path):
    """Files are partitions: part 2 before part 10, rows of each as they stand, whatever the size of commits."""
    messages = events(0, 24)
    write(tmp_path / "part2.jsonl", messages[12:])
    write(tmp_path / "part10.jsonl", messages[:12])
    found = []
    for rows in (1, 5, 1000):
        with Store.open(tmp_path / f"home{rows}") as store:
            stream, _ = take_in(store, tmp_path, limits=Limits(rows=rows))
            found.append(closed(store, stream))
    assert found == [{"2013-01-01": [*range(12, 24), *range(12)]}] * 3


def test_the_slowest_partition_decides(tmp_path):
    """A span stays open while one partition has not passed it, and closes when that one has."""
    write(tmp_path / "fast.jsonl", events(0, 60))
    write(tmp_path / "slow.jsonl", events(0, 10))
    stream = Lines("*.jsonl", base=str(tmp_path), time="at", idle_s=1000.0)
    told = []
    follower = Follower(Store.open(tmp_path / "home"), stream, tell=told.append, limits=Limits(wait_s=0.05))
    with follower.store:
        follower.tell = lambda event: (told.append(event), follower.stop() if event["event"] == "commit" else None)
        follower.run(is_following=True)
        assert [event["event"] for event in told] == ["commit"]
        assert newest_versions(follower.store, stream.stream_id) == []
        write(tmp_path / "slow.jsonl", events(10, 40))
        again = Follower(follower.store, stream, limits=Limits(wait_s=0.05))
        again.tell = lambda event: again.stop() if event["event"] == "closed" else None
        again.run(is_following=True)
        assert closed(follower.store, stream) == {"2013-01-01": [*range(24), *range(24)]}


def test_one_wrong_clock_closes_nothing(tmp_path):
    """An event years ahead is set aside and moves no watermark; one within what is allowed counts."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))
    write(tmp_path / "log.jsonl", [*events(0, 3), b'{"number": 9, "at": "2199-01-01"}'])
    write(tmp_path / "log.jsonl", [json.dumps({"number": 10, "at": now}).encode()])
    with Store.open(tmp_path / "home") as store:
        stream, _ = take_in(store, tmp_path)
        assert closed(store, stream) == {"2013-01-01": [0, 1, 2]}  # that of today is not over
        assert (
            "ahead of its arrival; 3,600 s are allowed"
            in set_aside(store, stream)[b'{"number": 9, "at": "2199-01-01"}']
        )
        assert store.stream(stream.stream_id).num_rows == 4


def test_a_column_of_two_kinds_is_decided_by_the_first(tmp_path):
    """What is text at first stays text: a number that comes later is set aside when the span is closed."""
    rows = [{"word": "a"}, {"word": 7}, {"word": None}, {"deep": {"x": [1, 2]}}, {"deep": {"x": ["1"]}}, {"deep": 1}]
    rows += [{"count": 1}, {"count": 2.5}, {"count": True}, {"count": 10**30}]
    lines = [json.dumps({"at": "2013-01-01T00:00:00Z", "number": n, **row}).encode() for n, row in enumerate(rows)]
    write(tmp_path / "log.jsonl", lines)
    with Store.open(tmp_path / "home") as store:
        stream, _ = take_in(store, tmp_path)
        assert closed(store, stream) == {"2013-01-01": [0, 2, 3, 6, 7, 9]}
        assert set_aside(store, stream) == {
            lines[1]: "column 'word' is number; the first message of its span has text",
            lines[4]: "column 'deep.x[]' is text; the first message of its span has number",
            lines[5]: "column 'deep' is number; the first message of its span has object",
            lines[8]: "column 'count' is boolean; the first message of its span has number",
        }
        assert closed(store, stream, "count")["2013-01-01"] == [None, None, None, 1.0, 2.5, 1e30]


def test_types_are_found_as_in_one_reading(tmp_path, monkeypatch):
    """Blocks of one message, of three and of all find the types that a JSON lines file of them has."""
    rows = [{"a": None, "t": "2013-01-01"}, {"a": 1, "b": [1]}, {"a": 2.5, "b": [None], "t": "word"}, {"c": {"x": 1}}]
    rows += [{"c": {"y": "2"}, "b": []}, {"d": True}]
    write(
        tmp_path / "log.jsonl",
        [json.dumps({"at": f"2013-01-01T00:0{n}:00Z", **row}).encode() for n, row in enumerate(rows)],
    )
    source = Jsonl(str(tmp_path / "log.jsonl"))
    expected = source.read(source.plan().fragments[0].fragment)
    rows = [row for batch in expected.batches for row in batch.to_pylist()]
    for size in (1, 3, 50_000):
        monkeypatch.setattr(parts, "BLOCK_ROWS", size)
        with Store.open(tmp_path / f"home{size}") as store:
            stream, _ = take_in(store, tmp_path)
            (span,) = newest_versions(store, stream.stream_id)
            table = pq.read_table(store.artifact_folder(span.digest) / "0.parquet")
        assert table.schema.names == expected.schema.names
        assert table.to_pylist() == rows


def test_many_commits_make_few_parts(tmp_path):
    """Small parts are merged as they become many, and the span holds what it would."""
    write(tmp_path / "log.jsonl", events(0, 200, minutes=1))
    with Store.open(tmp_path / "home") as store:
        stream = Lines("log.jsonl", base=str(tmp_path), time="at", idle_s=1000.0)
        follower = Follower(store, stream, limits=Limits(rows=1))
        follower.tell = lambda event: follower.stop() if event["total_rows"] == 200 else None
        follower.run(is_following=True)
        assert len(store.stream_parts(stream.stream_id)) < 80
        files = list(store.stream_folder(stream.stream_id).iterdir())
        assert {path.name for path in files} == {part.file for part in store.stream_parts(stream.stream_id)}
        take_in(store, tmp_path, pattern="log.jsonl")
        assert closed(store, stream) == {"2013-01-01": list(range(200))}


def test_a_span_that_is_not_over_stays_open_in_a_file_that_is_taken_once(tmp_path):
    """Without following, everything that is over is closed at once; nothing is lost of what is not."""
    hour = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write(tmp_path / "log.jsonl", [*events(0, 2), json.dumps({"number": 2, "at": hour}).encode()])
    with Store.open(tmp_path / "home") as store:
        stream, told = take_in(store, tmp_path, span="year")
        assert closed(store, stream) == {"2013": [0, 1]}
        assert store.stream(stream.stream_id).num_rows == 3
        assert told[-1]["event"] == "closed" and told[-1]["waiting_rows"] == 0


def test_numbers_since_1970_are_times(tmp_path):
    """time_unit says what a number means; a text is then set aside."""
    write(tmp_path / "log.jsonl", [b'{"number": 0, "at": 1357034400000}', b'{"number": 1, "at": "2013-01-01"}'])
    with Store.open(tmp_path / "home") as store:
        stream, _ = take_in(store, tmp_path, span="hour", time_unit="ms")
        assert closed(store, stream) == {"2013-01-01T10": [0]}
        assert list(set_aside(store, stream).values()) == ["column 'at' is no number but a string"]


def test_closing_reads_no_message_of_others(tmp_path):
    """A poison that only shows when types are found (a name twice) is set aside then, in a span of any size."""
    good = events(0, 20)
    twice = b'{"number": 99, "at": "2013-01-01T01:00:00Z", "extra": 1, "extra": 2}'
    write(tmp_path / "log.jsonl", [*good[:10], twice, *good[10:]])
    with Store.open(tmp_path / "home") as store:
        stream, _ = take_in(store, tmp_path)
        assert closed(store, stream) == {"2013-01-01": list(range(20))}
        assert set_aside(store, stream) == {twice: "column 'extra' was specified twice"}
    assert closing.close_span.__doc__


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"span": "week"}, "span = 'week'"),
        ({"time_zone": "Mars/Base"}, "time_zone = 'Mars/Base'"),
        ({"time_unit": "m"}, "time_unit = 'm'"),
        ({"late_s": -1}, "late_s = -1"),
        ({"ahead_s": "1"}, "ahead_s = '1'"),
        ({"time": ""}, "time = ''"),
        ({"types": {"at": "string"}}, "'at', the time, is string"),
        ({"types": {"at": "timestamp[s]"}, "time_unit": "s"}, "expected an integer"),
        ({"types": {"x": "no_type"}}, "types ="),
    ],
)
def test_what_no_stream_can_be(parameters, said):
    """Each is an InvalidInput where it is written, before anything is followed."""
    with pytest.raises(InvalidInput, match=said.replace("[", r"\[")):
        Lines("x", **{"time": "at", **parameters})
