"""What a stream is: messages that keep coming, each at a place of its own, delivered at least once.

    connection = stream.connect(base)          # the third party is imported here, not before
    connection.seek({"0": 1200})               # where the last commit ended; {} = from the beginning
    delivery = connection.poll(10_000, 0.2)    # what has come, with its places
    ...                                        # ONE transaction: messages, cursor, seen ids
    connection.acknowledge(delivery.receipt)   # only then
    connection.close()

A member is a frozen dataclass of plain parameters: what is recorded of a stream. Where its brokers are and who may read
them comes from the environment or from the client's own files, and is never recorded. A connection only carries bytes:
what is in a message, when it happened and where it belongs is the same work for all streams and is done once
(`messages`, `event_spans`, `following`). `headrace.testing.StreamCases` checks all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa

from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.ingestion.event_spans import EventSpans
from headrace.ingestion.sources.jsonl import Jsonl

__all__ = ["MESSAGES", "Connection", "Delivery", "Stream", "delivery_of"]

MESSAGES = pa.schema(
    [
        pa.field("partition", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("message_id", pa.string()),
        pa.field("data", pa.large_binary()),
        pa.field("fault", pa.string()),
    ]
)
"""The columns of a delivery.

`partition` and `position` say where a message stands; rows of a span are in the order of partition, position, id.
`message_id` names a message whose position does not. `fault` says what keeps a message from being one: it is set aside.
"""


@dataclass(frozen=True)
class Delivery:
    """What one poll brought.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Columns as in MESSAGES; no rows when nothing has come.
    receipt : object
        What `acknowledge` takes; the connection's own.
    following : mapping of str to int
        Partition -> the position after what was delivered, of streams that can be read again from a position. Empty
        where the server keeps account of what was acknowledged.
    waiting : mapping of str to int or None
        Every partition there is -> how many messages wait behind this delivery; None = not known; 0 = its end was
        reached. An estimate where only bytes are known.
    """

    batch: pa.RecordBatch
    receipt: Any
    following: Mapping[str, int]
    waiting: Mapping[str, int | None]


class Connection(Protocol):
    """A stream being read, by one thread."""

    def poll(self, limit: int, timeout_s: float) -> Delivery:
        """At most about `limit` messages, as soon as there are any, and after `timeout_s` without any.

        A message that was delivered and never acknowledged may come again, with the same id. Raises InvalidInput for
        what a person must mend (no such topic, no permission), StoreError for what may pass (a server that is away).
        """

    def acknowledge(self, receipt: Any) -> None:
        """Say that a delivery was committed. Called after the commit only; what it fails to say comes again."""

    def seek(self, following: Mapping[str, int]) -> None:
        """Go on after what was committed; called once, before the first poll."""

    def close(self) -> None:
        """End; what was not acknowledged comes again."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What every stream is told; members add what their messages are found by, as the first positional parameter.

    Parameters
    ----------
    time : str
        The column that says when a message happened.
    span : str
        How long a span is: "hour", "day", "month" or "year". Spans are named 2013-01-05T07, 2013-01-05, 2013-01, 2013.
    time_zone : str
        In which spans begin and end: a name of the IANA data base.
    time_unit : str
        "s", "ms", "us" or "ns" where `time` is a number since 1970; "" where it is a text such as 2013-01-05T07:00:00Z
        (without a zone: UTC).
    types : mapping of str to str, or pairs of these
        Columns and their Arrow types, as in `hr.Jsonl`; a message that does not have them so is set aside. The types of
        others are found in a whole span.
    late_s : float
        How long after the newest event of its partition a message may come and still be in time, in seconds. What comes
        later for a closed span makes a new version of it.
    ahead_s : float
        How far ahead of its arrival an event may be, in seconds; beyond that the message is set aside, so that one bad
        clock closes no span.
    idle_s : float
        After how long without a message, its end reached, a partition is taken to have reached the present, in seconds.
    spans : str or sequence of str
        Which closed spans a pipeline reads, see `select_spans`; set by `ingest`.

    Raises InvalidInput for what none of these can be.
    """

    time: str
    span: str = "day"
    time_zone: str = "UTC"
    time_unit: str = ""
    types: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    late_s: float = 0.0
    ahead_s: float = 3600.0
    idle_s: float = 60.0
    spans: str | Sequence[str] = "all"

    # What says where messages are found or how they are waited for, and does not change what a span holds.
    not_in_identity: ClassVar[frozenset[str]] = frozenset({"spans", "base", "late_s", "ahead_s", "idle_s"})

    def __post_init__(self) -> None:
        where = type(self).__name__
        known = Jsonl("", types=self.types)
        object.__setattr__(self, "types", known.types)
        EventSpans(self.span, self.time_zone)
        for name in ("late_s", "ahead_s", "idle_s"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= 1e9:
                raise InvalidInput(f"{name} = {value!r}", where=where, expected="seconds, 0 or more")
            object.__setattr__(self, name, float(value))
        if type(self.time) is not str or not self.time:
            raise InvalidInput(f"time = {self.time!r}", where=where, expected="the column that says when")
        if self.time_unit not in ("", "s", "ms", "us", "ns"):
            raise InvalidInput(f"time_unit = {self.time_unit!r}", where=where, expected='"s", "ms", "us", "ns" or ""')
        kind = self.known_types.field(self.time).type if self.time in self.known_types.names else None
        fits = pa.types.is_integer if self.time_unit else pa.types.is_timestamp
        if kind is not None and not fits(kind):
            raise InvalidInput(
                f"types say that {self.time!r}, the time, is {kind}",
                where=where,
                expected="an integer, because of time_unit" if self.time_unit else "a timestamp, or time_unit=",
            )

    @property
    def known_types(self) -> pa.Schema:
        """The columns whose types were given."""
        return Jsonl("", types=self.types).known_types

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this stream: plain data, recorded. Another of these is another stream, read from its start."""
        held = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in self.not_in_identity}
        return {"stream": type(self).__name__, **held}

    @property
    def stream_id(self) -> str:
        """The digest of the identity: its name in the store."""
        return digest(self.identity)

    @property
    def label(self) -> str:
        """How a person calls it."""
        first = fields(self)
        named = [getattr(self, item.name) for item in first if not item.kw_only]
        return f"{type(self).__name__}({', '.join(repr(item) for item in named[:1])})"

    def connect(self, base: Path | None = None) -> Connection:
        """Reach what delivers it; `base` is where a relative path starts. Raises MissingExtra with the install line."""
        raise NotImplementedError


def delivery_of(
    rows: Mapping[str, Sequence[Any]],
    receipt: Any,
    *,
    following: Mapping[str, int] | None = None,
    waiting: Mapping[str, int | None] | None = None,
) -> Delivery:
    """A delivery of columns by name, those of MESSAGES that are left out all null."""
    num_rows = len(rows["position"])
    columns = [pa.array(rows.get(item.name, [None] * num_rows), item.type) for item in MESSAGES]
    batch = pa.RecordBatch.from_arrays(columns, schema=MESSAGES)
    return Delivery(batch, receipt, dict(following or {}), dict(waiting or {}))
