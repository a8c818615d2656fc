"""The client for asyncio: the same calls, awaited; connections are kept open and shared by tasks."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from typing import Any, Self, TypeVar

from headrace.client import _calls
from headrace.client._asking import PIECE_BYTES, Asking, drop, heard
from headrace.client._attempts import Attempts
from headrace.client._calls import Call, Endpoint, Predictions
from headrace.client._wire import Answer, Reading, write_request
from headrace.errors import HeadraceError
from headrace.model import Codec

__all__ = ["AsyncClient"]

T = TypeVar("T")


class _Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.was_used = reader, writer, False

    def close(self) -> None:
        self.writer.close()


class AsyncClient(Asking[_Line]):
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
        super().__init__(url, token=token, timeout_s=timeout_s, retries=retries, ssl_context=ssl_context)
        self._free = asyncio.Semaphore(connections)

    async def endpoints(self) -> list[Endpoint]:
        """As `Client.endpoints`."""
        return await self._ask(_calls.endpoints_call())

    async def predict(self, endpoint: str, rows: Any, *, unit: str = "", timeout_s: float | None = None) -> Predictions:
        """As `Client.predict`."""
        codec = await self._codec(endpoint) if _calls.needs_columns(rows) else None
        return await self._ask(_calls.predict_call(endpoint, rows, unit, codec), timeout_s)

    async def explain(self, endpoint: str, rows: Any, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
        """As `Client.explain`."""
        codec = await self._codec(endpoint) if _calls.needs_columns(rows) else None
        return await self._ask(_calls.explain_call(endpoint, rows, codec), timeout_s)

    async def reward(self, request_id: str, value: float, *, time: datetime.datetime | None = None) -> None:
        """As `Client.reward`."""
        await self._ask(_calls.reward_call(request_id, value, time))

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
            found = self._codecs[endpoint] = await self._ask(_calls.columns_call(endpoint))
        return found

    async def _ask(self, call: Call[T], timeout_s: float | None = None) -> T:
        attempts = self._attempts(timeout_s)
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
                drop(line)
                raise
            except (OSError, EOFError) as error:
                wait: float | None = self._after_break(line, error, attempts, reading)
            except BaseException:  # cancelled among it
                drop(line)
                raise
            else:
                self._keep(line, reading)
                wait = attempts.after_answer(answer)
                if wait is None:
                    return answer
            await asyncio.sleep(wait or 0.0)

    async def _open(self) -> _Line:
        named = self._place.host if self._context is not None else None
        return _Line(
            *await asyncio.open_connection(
                self._place.host, self._place.port, ssl=self._context, server_hostname=named, limit=PIECE_BYTES
            )
        )

    async def _exchange(self, line: _Line, call: Call[Any], attempts: Attempts, reading: Reading) -> Answer:
        headers = _calls.headers_of(call, self._token, attempts.left_s())
        line.writer.write(write_request(self._place, call.method, call.path, headers, call.body))
        # A server that will not read a body answers, and closes: what it said may be there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await line.writer.drain()
        while True:
            answer = heard(await line.reader.read(PIECE_BYTES), reading)
            if answer is not None:
                return answer
