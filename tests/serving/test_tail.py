"""The tail of a log: each row once, while it is written, torn, closed, and made Parquet."""

import os

import pyarrow as pa

from headrace.serving._segments import Segment, settle
from headrace.serving._tail import Tail
from headrace.serving.rewards import SCHEMA

COLUMNS = ("request_id", "reward")


def batch(*ids):
    """Rewards of 1."""
    return pa.record_batch([list(ids), [0] * len(ids), [1.0] * len(ids), [None] * len(ids)], schema=SCHEMA)


def ids(tail):
    """What is new."""
    return [name for _, one in tail.poll() for name in one.column("request_id").to_pylist()]


def test_each_row_comes_once(tmp_path):
    """From a segment as it grows, and from the Parquet file that it becomes, nothing twice and nothing never."""
    tail = Tail(tmp_path / "late", COLUMNS)
    assert ids(tail) == []
    segment = Segment(tmp_path, SCHEMA, endpoint="late", version=0, hour="2026-11-02T10")
    assert ids(tail) == []
    segment.add(batch("a", "b"))
    segment.sync()
    assert ids(tail) == ["a", "b"] and ids(tail) == []
    segment.add(batch("c"))
    segment.sync()
    segment.add(batch("d"))
    segment.close()
    assert settle(tmp_path)
    assert ids(tail) == ["c", "d"] and ids(tail) == []
    assert ids(Tail(tmp_path / "late", COLUMNS)) == ["a", "b", "c", "d"]
    assert ids(Tail(tmp_path / "late", COLUMNS, since="2026-11-02T11")) == []


def test_a_torn_batch_waits(tmp_path):
    """Cut at every byte, a segment gives its whole batches; the rest comes when it is there."""
    segment = Segment(tmp_path, SCHEMA, endpoint="late", version=0, hour="2026-11-02T10")
    for name in ("a", "b", "c"):
        segment.add(batch(name))
        segment.sync()
    whole = segment.path.read_bytes()
    segment.close()
    for cut in range(0, len(whole), 13):
        with segment.path.open("wb") as file:
            file.write(whole[:cut])
            file.flush()
            os.fsync(file.fileno())
        tail = Tail(tmp_path / "late", COLUMNS)
        first = ids(tail)
        assert first == ["a", "b", "c"][: len(first)]
        with segment.path.open("ab") as file:
            file.write(whole[cut:])
        assert first + ids(tail) == ["a", "b", "c"]
