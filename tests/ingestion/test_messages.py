"""Messages: what is one, and that it does not matter what it comes together with."""

import random
import time

import pyarrow as pa
import pytest

from headrace.ingestion.messages import joined_schema, judge
from headrace.ingestion.streams._contract import delivery_of
from headrace.ingestion.streams.lines import Lines

NOW_US = time.time_ns() // 1000
STREAM = Lines("x", time="at", types={"n": "int64", "on": "bool"})
MESSAGES = [
    b'{"at": "2013-01-01T00:00:00Z", "n": 1}',
    b'{"at": "2013-01-01T00:00:00.5+02:00", "n": null, "on": true, "other": [1, {"x": null}]}',
    b'  {"at":\n"2013-01-01"}\r\n',
    b'{"at": "2013-01-01", "n": 9223372036854775807}',
    b'{"at": "2013-01-01", "n": 9223372036854775808}',
    b'{"at": "2013-01-01", "n": 1.5}',
    b'{"at": "2013-01-01", "on": "true"}',
    b'{"at": null}',
    b'{"at": 1356998400}',
    b'{"at": "2013-13-01"}',
    b'{"at": "2013-01-01"',
    b'{"at": "2013-01-01"}}',
    b'{"at": "2013-01-01", "at": "2013-01-02"}',
    b'{"at": "2013-01-01", "w": "\xed\xa0\x80"}',
    b'{"at": "2013-01-01", "w": "a\nb"}',
    b'["2013-01-01"]',
    b"",
    b"null",
    b"{}",
]
GOOD = [0, 1, 2, 3]


def judged(messages):
    """Message -> its event time, or the reason why it is none."""
    rows = {"partition": [""] * len(messages), "position": list(range(len(messages))), "data": messages}
    found = judge(delivery_of(rows, None).batch, STREAM, NOW_US)
    kept = dict(zip(found.kept.to_pylist(), found.event_us.to_pylist(), strict=True))
    assert not kept.keys() & found.reasons.keys() and len(kept) + len(found.reasons) == len(messages)
    return [kept[row] if row in kept else found.reasons[row] for row in range(len(messages))]


def test_each_is_judged_alone():
    """In one delivery of all, in any order, or each in a delivery of its own: the same answer, and the same words."""
    alone = [judged([message])[0] for message in MESSAGES]
    assert [index for index, found in enumerate(alone) if isinstance(found, int)] == GOOD
    assert judged(MESSAGES) == alone
    chance = random.Random(1)
    for _ in range(20):
        order = chance.choices(range(len(MESSAGES)), k=30)
        assert judged([MESSAGES[index] for index in order]) == [alone[index] for index in order]


def test_moments_of_any_zone_are_utc():
    """An offset counts; without one it is UTC; a date is its first moment."""
    first, half, date = judged(MESSAGES[:3])
    assert first == date == 1356998400_000000
    assert half == first - 2 * 3600_000_000 + 500_000


def test_a_large_message_is_none(monkeypatch):
    """Beyond the limit a message is set aside; others are not touched by it."""
    monkeypatch.setattr("headrace.ingestion.messages.MOST_BYTES", 100)
    large = b'{"at": "2013-01-01", "w": "' + b"x" * 100 + b'"}'
    assert judged([MESSAGES[0], large, MESSAGES[0]])[1] == "129 bytes; 100 are the most"


@pytest.mark.parametrize(
    ("left", "right", "joined"),
    [
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.null(), pa.list_(pa.int64()), pa.list_(pa.int64())),
        (pa.timestamp("s"), pa.string(), pa.string()),
        (pa.struct({"x": pa.int64()}), pa.struct({"y": pa.bool_()}), pa.struct({"x": pa.int64(), "y": pa.bool_()})),
        (pa.list_(pa.null()), pa.list_(pa.struct({"x": pa.int64()})), pa.list_(pa.struct({"x": pa.int64()}))),
        (pa.int64(), pa.string(), None),
        (pa.struct({"x": pa.int64()}), pa.int64(), None),
    ],
)
def test_types_join_either_way(left, right, joined):
    """The type in which values of both are read, whichever comes first; the column's name where there is none."""
    for one, other in ((left, right), (right, left)):
        found = joined_schema(pa.schema({"c": one}), pa.schema({"c": other}))
        if joined is None:
            assert found == "c"
        elif pa.types.is_struct(joined):
            assert {item.name: item.type for item in found.field("c").type} == {f.name: f.type for f in joined}
        else:
            assert found == pa.schema({"c": joined})
