"""The streams of a read session, several at a time, each taken up again where it broke off."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types

from headrace.adapters.bigquery.connection import stalled

__all__ = ["Streams"]

_HELD = 2
# What the service or the network ends a stream with though nothing is wrong with the request.
_BROKEN = (
    exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.Unknown, exceptions.Aborted,
    exceptions.ResourceExhausted,
)  # fmt: skip
_MOST_TRIES = 5


class Streams:
    """The rows of a table, as the Storage Read API sends them: batches in no order.

    Parameters
    ----------
    client : BigQueryReadClient
        One that does not resume by itself.
    project, table : str
        Who pays; `projects/p/datasets/d/tables/t`.
    columns : sequence of str
        Which are sent.
    restriction : str
        Which rows, as SQL; "" = all.
    streams : int
        How many at most. Each holds two messages of the service, and one that is being taken.
    timeout_s : float
        How long all of them may say nothing.
    where : str
        For messages.

    `resumed` counts how often a stream was taken up again. Whoever reads must then count what came: a server that
    does not know `offset` sends all of it again.
    """

    def __init__(
        self,
        client: Any,
        project: str,
        table: str,
        *,
        columns: list[str],
        restriction: str,
        streams: int,
        timeout_s: float,
        where: str,
    ) -> None:
        self._client, self._timeout_s, self._where = client, timeout_s, where
        packed = types.ArrowSerializationOptions.CompressionCodec.ZSTD
        options = types.ReadSession.TableReadOptions(
            selected_fields=columns,
            row_restriction=restriction,
            arrow_serialization_options=types.ArrowSerializationOptions(buffer_compression=packed),
        )
        asked = types.ReadSession(table=table, data_format=types.DataFormat.ARROW, read_options=options)
        session = client.create_read_session(
            parent=f"projects/{project}", read_session=asked, max_stream_count=streams, timeout=timeout_s
        )
        self._names = [stream.name for stream in session.streams]
        schema = session.arrow_schema.serialized_schema
        self._schema = pa.ipc.read_schema(pa.py_buffer(schema)) if schema else None
        self._boxes: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(_HELD * streams)
        self._is_over = threading.Event()
        self._calls: dict[str, Any] = {}
        self.resumed = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, each once. Raises what the service raises, InvalidInput when it says nothing."""
        threads = [
            threading.Thread(target=self._take, args=(name,), daemon=True, name="headrace-bigquery")
            for name in self._names
        ]
        running = len(threads)
        try:
            for thread in threads:
                thread.start()
            while running:
                try:
                    item = self._boxes.get(timeout=self._timeout_s)
                except queue.Empty:
                    raise stalled(self._timeout_s, self._where) from None
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    running -= 1
                else:
                    yield item
        finally:
            self._is_over.set()
            for call in list(self._calls.values()):
                call.cancel()
            for thread in threads:
                if thread.ident is not None:
                    thread.join(self._timeout_s)

    def _take(self, name: str) -> None:
        offset, tries = 0, 0
        while True:
            try:
                call = self._client.read_rows(read_stream=name, offset=offset, retry=None, timeout=None)
                self._calls[name] = call
                for message in call:
                    offset, tries = offset + message.row_count, 0
                    if not self._put(self._batch(message)):
                        return
                self._put(None)
                return
            except _BROKEN as error:
                tries += 1
                if tries > _MOST_TRIES or self._is_over.is_set():
                    self._put(error)
                    return
                self.resumed += 1
                time.sleep(0.1 * 2**tries)
            except BaseException as error:
                self._put(error)
                return

    def _batch(self, message: Any) -> pa.RecordBatch:
        packed = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
        return pa.ipc.read_record_batch(packed, self._schema)

    def _put(self, item: pa.RecordBatch | BaseException | None) -> bool:
        while not self._is_over.is_set():
            try:
                self._boxes.put(item, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False
