"""Tail: what was appended to a log since one looked last, batch by batch, from segments while they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.serving._segments import FILE_NAME

__all__ = ["Tail"]

_PARQUET = re.compile(r"v(\d+)-([0-9a-f]+)\.parquet")


@dataclass
class _Place:
    offset: int = 0
    schema: Any = None
    num_rows: int = 0
    is_done: bool = False


class Tail:
    """Follows one endpoint's folder of the request log or of the reward log.

    Parameters
    ----------
    folder : Path
        `requests/<endpoint>` or `rewards/<endpoint>`; nothing in it is changed, and it need not exist yet.
    columns : sequence of str or None
        The columns wanted; None: all that a segment's batches have.
    since : str
        The first hour that is read, such as "2026-11-02T10".

    Each row comes once, whether it is read from the segment or from the Parquet file made of it; rows of different
    workers come in no order. Cost: the new bytes, and a listing.
    """

    def __init__(self, folder: Path, columns: Sequence[str] | None, *, since: str = "") -> None:
        self._folder, self._since = folder, since
        self._columns = None if columns is None else list(columns)
        self._places: dict[str, _Place] = {}

    def poll(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """(version, batch) of what is new."""
        for path in sorted(self._folder.glob("open/*.arrows")):
            match = FILE_NAME.fullmatch(path.name)
            if match is not None and match[1] >= self._since:
                place = self._places.setdefault(match[3], _Place())
                if not place.is_done:
                    for batch in self._segment(path, place):
                        yield int(match[2]), batch
        for path in sorted(self._folder.glob("*/v*.parquet")):
            match = _PARQUET.fullmatch(path.name)
            if match is None or path.parent.name[:13] < self._since:
                continue
            place = self._places.setdefault(match[2], _Place())
            if not place.is_done:
                place.is_done = True
                rest = pq.read_table(path, columns=self._columns, partitioning=None).slice(place.num_rows)
                for batch in rest.to_batches(max_chunksize=65_536):
                    yield int(match[1]), batch

    def _segment(self, path: Path, place: _Place) -> Iterator[pa.RecordBatch]:
        """The whole batches that follow what was read."""
        try:
            with path.open("rb") as file:
                file.seek(place.offset)
                data = file.read()
        except FileNotFoundError:  # made Parquet meanwhile
            return
        stream = pa.BufferReader(data)
        start = place.offset
        while True:
            try:
                message = pa.ipc.read_message(stream)
                if place.schema is None:
                    place.schema = pa.ipc.read_schema(message)
                    batch = None
                else:
                    batch = pa.ipc.read_record_batch(message, place.schema)
            except (EOFError, pa.ArrowInvalid, OSError):
                return  # the end, or a batch that is being written
            place.offset = start + stream.tell()
            if batch is not None:
                place.num_rows += batch.num_rows
                yield batch if self._columns is None else batch.select(self._columns)
