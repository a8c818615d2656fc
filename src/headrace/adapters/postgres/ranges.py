"""Queries that run at a time on several connections, and whose rows come in the queries' order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa

from headrace.adapters.postgres.connection import Session, stalled

__all__ = ["in_order"]

_HELD = 2
_Box = queue.Queue[pa.RecordBatch | BaseException | None]


def in_order(
    queries: Sequence[str],
    open_session: Callable[[], AbstractContextManager[Session]],
    *,
    connections: int,
    batch_bytes: int,
    timeout_s: float,
    where: str,
) -> Iterator[pa.RecordBatch]:
    """The batches of all queries, query after query.

    Parameters
    ----------
    queries : sequence of str
        Each is run whole on one connection.
    open_session : callable
        Opens one more connection.
    connections : int
        How many run at a time, the next ones while the first is being taken.
    batch_bytes : int
        How large a batch may become. Memory: three for each connection.
    timeout_s : float
        How long the next batch may take to come; InvalidInput that says `where` beyond it.
    where : str
        What is read, for messages.

    Raises what reading raises. What still runs when the reader stops is ended with the next batch of it.
    """
    boxes: list[_Box] = [queue.Queue(_HELD) for _ in queries]
    waiting = iter(range(len(queries)))
    lock, is_over = threading.Lock(), threading.Event()

    def put(box: _Box, item: pa.RecordBatch | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                box.put(item, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def take() -> int | None:
        with lock:
            return None if is_over.is_set() else next(waiting, None)

    def work() -> None:
        index = take()
        try:
            if index is not None:
                with open_session() as session:
                    while index is not None:
                        for batch in session.batches(queries[index], batch_bytes):
                            if not put(boxes[index], batch):
                                return
                        put(boxes[index], None)
                        index = take()
        except BaseException as error:
            put(boxes[index or 0], error)

    threads = [
        threading.Thread(target=work, daemon=True, name=f"headrace-range-{number}")
        for number in range(min(connections, len(queries)))
    ]
    is_stalled = False
    try:
        for thread in threads:
            thread.start()
        for box in boxes:
            while True:
                try:
                    item = box.get(timeout=timeout_s)
                except queue.Empty:
                    is_stalled = True
                    raise stalled(timeout_s, where) from None
                if item is None:
                    break
                if isinstance(item, BaseException):
                    raise item
                yield item
    finally:
        is_over.set()
        for thread in threads if not is_stalled else ():
            thread.join(timeout_s)
