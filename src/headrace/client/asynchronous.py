"""The client for asyncio: the same calls, awaited; connections are kept open and shared by tasks."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from typing import Any, Self, TypeVar

from headrace.client._attempts import Attempts
from headrace.client._calls import (
    Call,
    Endpoint,
    Predictions,
    columns_call,
    endpoints_call,
    explain_call,
    headers_of,
    needs_columns,
    predict_call,
    reward_call,
    token_of,
)
from headrace.client._wire import Answer, Place, Reading, write_request
from headrace.errors import HeadraceError
from headrace.model import Codec

__all__ = ["AsyncClient"]

T = TypeVar("T")

_PIECE_BYTES = 256 * 1024


class _Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.was_used = reader, writer, False

    def close(self) -> None:
        self.writer.close()


class AsyncClient:
    """Ask a headrace server from asyncio; parameters, methods and errors are those of `Client`.

    Any number of tasks of one event loop may use it at a time, a connection for each; `connections` is the most that
    are open, and who comes while all are in use waits, within its own time.

    Examples
    --------
    >>> async def ask():
    ...     async with AsyncClient("http://localhost:8501") as client:
    ...         return await client.predict("late", {"carrier": "AA", "distance": 500})
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
        ssl_context: ssl.SSLContext | None = None,
        connections: int = 100,
    ) -> None:
        self._place, self._token = Place.of(url), token_of(token)
        self._timeout_s, self._retries = timeout_s, retries
        self._context = self._place.context(ssl_context)
        self._free = asyncio.Semaphore(connections)
        self._idle: list[_Line] = []
        self._codecs: dict[str, Codec] = {}

    def __repr__(self) -> str:
        return f"<AsyncClient of {self._place.authority}>"

    async def endpoints(self) -> list[Endpoint]:
        """As `Client.endpoints`."""
        return await self._ask(endpoints_call())

    async def predict(self, endpoint: str, rows: Any, *, unit: str = "", timeout_s: float | None = None) -> Predictions:
        """As `Client.predict`."""
        codec = await self._codec(endpoint) if needs_columns(rows) else None
        return await self._ask(predict_call(endpoint, rows, unit, codec), timeout_s)

    async def explain(self, endpoint: str, rows: Any, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """As `Client.explain`."""
        codec = await self._codec(endpoint) if needs_columns(rows) else None
        return await self._ask(explain_call(endpoint, rows, codec), timeout_s)

    async def reward(self, request_id: str, value: float, *, time: datetime.datetime | None = None) -> None:
        """As `Client.reward`."""
        await self._ask(reward_call(request_id, value, time))

    async def close(self) -> None:
        """Close the connections that are not in use; the client can be used again."""
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()
        await asyncio.gather(*(line.writer.wait_closed() for line in idle), return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _codec(self, endpoint: str) -> Codec:
        found = self._codecs.get(endpoint)
        if found is None:
            found = self._codecs[endpoint] = await self._ask(columns_call(endpoint))
        return found

    async def _ask(self, call: Call[T], timeout_s: float | None = None) -> T:
        attempts = Attempts(self._timeout_s if timeout_s is None else timeout_s, self._retries)
        try:
            async with asyncio.timeout(attempts.left_s()), self._free:
                answer = await self._answer(call, attempts)
        except TimeoutError:
            raise attempts.over() from None
        return call.result(answer)

    async def _answer(self, call: Call[Any], attempts: Attempts) -> Answer:
        while True:
            reading = Reading()
            line = self._idle.pop() if self._idle else None
            try:
                if line is None:
                    line = await self._open()
                answer = await self._exchange(line, call, attempts, reading)
            except (TimeoutError, HeadraceError):
                if line is not None:
                    line.close()
                raise
            except (OSError, EOFError) as error:
                was_used = line is not None and line.was_used
                if line is not None:
                    line.close()
                wait: float | None = attempts.after_break(error, reading.num_bytes, was_used=was_used)
            except BaseException:  # cancelled among it: what is half read is nobody's any more
                if line is not None:
                    line.close()
                raise
            else:
                if reading.keeps:
                    line.was_used = True
                    self._idle.append(line)
                else:
                    line.close()
                wait = attempts.after_answer(answer)
                if wait is None:
                    return answer
            await asyncio.sleep(wait or 0.0)

    async def _open(self) -> _Line:
        named = self._place.host if self._context is not None else None
        return _Line(
            *await asyncio.open_connection(
                self._place.host, self._place.port, ssl=self._context, server_hostname=named, limit=_PIECE_BYTES
            )
        )

    async def _exchange(self, line: _Line, call: Call[Any], attempts: Attempts, reading: Reading) -> Answer:
        headers = headers_of(call, self._token, attempts.left_s())
        line.writer.write(write_request(self._place, call.method, call.path, headers, call.body))
        # A server that will not read a body answers, and closes: what it said may be there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await line.writer.drain()
        while True:
            data = await line.reader.read(_PIECE_BYTES)
            answer = reading.feed(data) if data else reading.end()
            if answer is not None:
                return answer
            if not data:
                raise EOFError("the connection was closed")
