"""The HTTP door: one callable that Granian calls for each request (its RSGI interface).

Deny by default: a path that no protocol owns is 404, with the routes there are (`/` lists them too); a Host header
that is not ours is refused while we listen on loopback (a web page must not reach a local server by DNS rebinding), and
so is a page of another origin; where there are tokens, every route but live and ready needs one, and sees the endpoints
that it is for; a body over the limit is refused before it is read, one that does not come is waited for no longer than
`client_timeout_s`.

| status | when |
|---|---|
| 400 | the request cannot be answered as it stands: the message names row and column |
| 401 | the token is missing or wrong |
| 403 | the token is for other endpoints, or a web page of another origin asks |
| 404 | no such route, endpoint or version |
| 405 | the route has another method: the message and the header `allow` say which |
| 408 | the body did not come in time |
| 413 | the body, as it is sent or once it is inflated, is larger than the setting body_mb |
| 415 | the body is compressed by something else than gzip or deflate |
| 421 | the Host header names another host |
| 429 | the endpoint's or the caller's quota is used up; `retry-after` says in how many seconds to come back |
| 500 | our fault; the answer carries an id, the log the details |
| 503 | no version can be served, more waits than may (with `retry-after`), or the request takes too much memory |
| 503 | of /health/ready: the server is not ready |
| 504 | the request was not answered in time: its run was stopped, or not begun |
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import orjson

from headrace.access import Person
from headrace.errors import InvalidInput
from headrace.lookup import find, names
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving._credentials import EVERYBODY, Credentials, Forbidden, view_of
from headrace.serving._patience import Overdue, Patience
from headrace.serving._refusals import FULL, TOO_SLOW, UNKNOWN, failed, refusal
from headrace.serving.capacity import Capacity
from headrace.serving.compression import CODINGS, compress, inflate, wanted_coding
from headrace.serving.core import Serving
from headrace.serving.running import Apart, CallerGone
from headrace.serving.tracing import Trace

__all__ = ["Door"]

_LIVE = ("/health/live", "/v2/health/live")
_READY = ("/health/ready", "/v2/health/ready")
# A body above this is parsed and run on a thread, so that small requests are not held up behind it.
_SMALL_BODY_BYTES = 128 * 1024
_UNREAD_BYTES = 16 * 1024


def _compressed(answer: Answer, headers: Any, told: list[tuple[str, str]]) -> Answer:
    """The answer in the coding that was asked for, if one was."""
    coding = wanted_coding(headers.get("accept-encoding") or "")
    body = compress(answer.body, coding) if coding else None
    if body is None:
        return answer
    told += [("content-encoding", coding), ("vary", "accept-encoding")]
    return answer._replace(body=body)


class Door:
    """Requests in, answers out, for one worker.

    Parameters
    ----------
    serving : Serving
        The endpoints.
    body_bytes : int
        The largest body that is read.
    hosts : frozenset of str or None
        Host names answered to (without port); None = any.
    token : str
        What `Authorization: Bearer` must carry; empty = nothing is asked for, unless there are tokens.
    home : Path, optional
        Where the project's tokens are.
    timeout_s : float
        How long a body is waited for.
    worker : int
        The worker's number, which /health/live tells.
    protocols : sequence of Protocol, optional
        What is answered; by default every protocol that can be found by name.
    capacity : Capacity, optional
        How much may be under way; without it, anything.
    is_metrics_open : bool
        Whether /metrics is told without a token.
    """

    def __init__(
        self,
        serving: Serving,
        *,
        body_bytes: int,
        hosts: frozenset[str] | None,
        token: str,
        home: Path | None = None,
        timeout_s: float = 30.0,
        worker: int = 0,
        protocols: Sequence[Protocol] | None = None,
        capacity: Capacity | None = None,
        is_metrics_open: bool = False,
    ) -> None:
        self.serving = serving
        self._body_bytes, self._hosts = body_bytes, hosts
        self.credentials = Credentials(token, home)
        self.patience = Patience(timeout_s)
        self._known_hosts: set[str] = set()
        if protocols is None:
            protocols = [find("protocol", name)() for name in names("protocol")]
        self._protocols = list(protocols)
        self._prefixes = tuple(prefix for one in self._protocols for prefix in one.prefixes)
        own = ("GET /health/live", "GET /health/ready")
        self.routes = sorted((*own, *(route for one in self._protocols for route in one.routes)))
        self._threads = asyncio.Semaphore(1)
        self._live = Answer(200, b'{"live":true,"worker":%d}' % worker)
        self.is_ready = False
        self.is_draining = False
        self.capacity = capacity or Capacity(most_requests=1 << 30, most_bytes=1 << 50, most_wait_s=1e9)
        self._is_metrics_open = is_metrics_open
        self._turns: deque[asyncio.Future[None]] = deque()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        started_ns = perf_counter_ns()
        capacity = self.capacity
        capacity.num_running += 1
        size, status = 0, 499
        trace: Trace | None = None
        try:
            path, method, headers = scope.path, scope.method, scope.headers
            announced = headers.get("content-length")
            answer: Any = self._refuse(scope, headers, path)
            if answer is None:
                if self.serving.tracer is not None:
                    parent, state = headers.get("traceparent") or "", headers.get("tracestate") or ""
                    trace = Trace("http", method, path, parent, state, started_ns)
                person: Person | None = None
                if self._is_metrics_open and path == "/metrics":
                    person = EVERYBODY
                else:
                    person = self.credentials.admit(headers.get("authorization"))
                request = Request(method, path, b"", started_ns, headers, person or EVERYBODY, trace)
                answer = UNKNOWN if person is None else self._route(request)
            if answer is None:
                is_known = announced is not None and announced.isdigit() and len(announced) < 16
                size = min(int(announced), self._body_bytes) if is_known else 0
                reason = "" if method == "GET" else capacity.why_not(size)  # /metrics is read when it is full
                if reason:
                    unread, size = size, 0
                    if _UNREAD_BYTES < unread <= _SMALL_BODY_BYTES:
                        # With more than that unread the connection would end, perhaps before the answer was read.
                        await self.patience.read(protocol())
                    answer = self._turn_away(reason)
            if answer is None:
                capacity.num_bytes += size
                coding = headers.get("content-encoding")
                is_small = is_known and size <= _SMALL_BODY_BYTES
                if is_small and coding is None:
                    body = await self.patience.read(protocol())
                    if trace is not None:
                        trace.mark("receive", started_ns)
                    if capacity.is_crowded:
                        waiting_ns = perf_counter_ns()
                        await self._turn()
                        if trace is not None:
                            trace.mark("queue", waiting_ns)
                    answer = self.translate(request._replace(body=body))
                else:
                    answer = await self._answer_large(protocol, announced, request)
                if type(answer) is not Answer:
                    answer = await self._wait(protocol, answer)
                capacity.answered()
            told = [("content-type", answer.media_type), *answer.headers]
            if len(answer.body) > 1024:
                answer = _compressed(answer, headers, told)
            if self.is_draining:
                told.append(("connection", "close"))
            status = answer.status
            protocol.response_bytes(status, told, answer.body)
        except Overdue:
            status = 408
            protocol.response_bytes(status, [("content-type", "application/json"), ("connection", "close")], TOO_SLOW)
        finally:
            capacity.num_bytes -= size
            capacity.num_running -= 1
            capacity.num_answered += 1
            if trace is not None:
                trace.status, trace.ended_ns = status, perf_counter_ns()
                self.serving.tracer.take(trace)

    @property
    def num_running(self) -> int:
        """How many requests are under way."""
        return self.capacity.num_running

    @property
    def num_answered(self) -> int:
        """How many were answered."""
        return self.capacity.num_answered

    def _turn(self) -> asyncio.Future[None]:
        """Done when those that came before have had their turn, and the loop has looked for newcomers in between.

        Without it all that wait would be answered in one go, and whoever comes meanwhile would wait for the end of that
        to hear that there is no room.
        """
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        if not self._turns:
            loop.call_soon(self._next_turn, loop)
        self._turns.append(turn)
        return turn

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(len(self._turns), self.capacity.num_at_once)):
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
        if self._turns:
            loop.call_soon(self._next_turn, loop)

    def _turn_away(self, reason: str) -> Answer:
        self.capacity.turn_away(reason)
        return FULL

    async def _wait(self, protocol: Any, answer: Any) -> Answer:
        """What is answered in a moment, or by another thread: nothing is run for a caller that is gone."""
        try:
            found: Answer
            if type(answer) is not Apart:
                found = await answer
            else:
                gone = asyncio.ensure_future(_gone(protocol))
                gone.add_done_callback(lambda _: answer.drop())
                try:
                    found = await answer
                finally:
                    gone.cancel()
            return found
        except Exception as error:
            return failed(error, self.capacity)

    def _refuse(self, scope: Any, headers: Any, path: str) -> Answer | None:
        """What can be said to anybody, before it matters who asks."""
        if self._hosts is not None:
            host = scope.authority or headers.get("host") or ""
            if host not in self._known_hosts and not self._is_ours(host):
                return refusal(421, "this server answers only to its own name; see the setting host")
        origin = headers.get("origin")
        if origin is not None and origin.rpartition("//")[2] != (scope.authority or headers.get("host") or ""):
            return refusal(403, "this server answers no page of another origin")
        if path in _LIVE:
            return self._live
        if path in _READY:
            ready = self.is_ready and not self.is_draining and bool(self.serving.endpoints)
            return Answer(200 if ready else 503, b'{"ready":true}' if ready else b'{"ready":false}')
        return None

    def _route(self, request: Request) -> Answer | None:
        """What can be said to who may ask before the body is read."""
        if request.method not in ("GET", "POST"):
            return refusal(405, f"{request.method[:20]} is not answered here; GET and POST are")._replace(
                headers=(("allow", "GET, POST"),)
            )
        if request.path == "/" and request.method == "GET":
            mine = sorted(view_of(self.serving, request.person).endpoints)
            return Answer(200, orjson.dumps({"endpoints": mine, "routes": self.routes}))
        if not request.path.startswith(self._prefixes):
            return self._no_route()
        return None

    def _no_route(self) -> Answer:
        return Answer(404, orjson.dumps({"error": "no such route", "routes": self.routes}))

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self._hosts is None or name not in self._hosts:
            return False
        if len(self._known_hosts) < 64:  # a client that makes up ports cannot fill the memory
            self._known_hosts.add(host)
        return True

    async def _answer_large(self, protocol: Any, announced: str | None, request: Request) -> Any:
        """A request whose body is large, missing, or of a size nobody announced: read with care, run on a thread."""
        body: bytes | None = b""
        if request.method != "GET":
            body = await self._read(protocol, announced)
        received_ns, trace = perf_counter_ns(), request.trace
        if trace is not None:
            trace.mark("receive", request.started_ns, received_ns)
        if body is None:
            return self._too_large()
        coding = (request.headers.get("content-encoding") or "identity").strip().lower()
        request = request._replace(body=body)
        if coding == "identity" and len(body) <= _SMALL_BODY_BYTES:
            return self.translate(request)
        if coding not in ("identity", *CODINGS):
            return refusal(415, f"a body compressed by {coding[:30]!r} is not read; gzip and deflate are")
        work = self.translate if coding == "identity" else self._inflate
        gone = asyncio.ensure_future(_gone(protocol))
        turn = asyncio.ensure_future(self._threads.acquire())
        gone.add_done_callback(lambda _: turn.cancel())
        try:
            await turn
        except asyncio.CancelledError:
            if not gone.done():
                raise
            return failed(CallerGone(), self.capacity)
        finally:
            gone.cancel()
        if trace is not None:
            trace.mark("queue", received_ns)
        try:
            return await asyncio.get_running_loop().run_in_executor(None, work, request)
        finally:
            self._threads.release()

    def _inflate(self, request: Request) -> Any:
        """The answer to a request whose body is compressed."""
        coding = str(request.headers.get("content-encoding")).strip().lower()
        try:
            body = inflate(request.body, coding, self._body_bytes)
        except InvalidInput as error:
            return refusal(400, str(error))
        if body is None:
            return self._too_large()
        return self.translate(request._replace(body=body))

    def _too_large(self) -> Answer:
        return refusal(413, f"the body is larger than {self._body_bytes:,} bytes; send fewer rows, or raise body_mb")

    async def _read(self, protocol: Any, announced: str | None) -> bytes | None:
        """The body; None where it is larger than is allowed: of that nothing more is read."""
        if announced is not None:
            is_allowed = announced.isdigit() and int(announced) <= self._body_bytes
            return await self.patience.read(protocol()) if is_allowed else None
        parts: list[bytes] = []
        size = 0
        async with self.patience.reading():
            async for part in protocol:  # chunked: the size shows only as it comes
                size += len(part)
                if size > self._body_bytes:
                    return None
                parts.append(part)
        return b"".join(parts)

    def translate(self, request: Request) -> Any:
        """The answer, or what is to be awaited for it."""
        begun_ns = perf_counter_ns()
        try:
            serving = view_of(self.serving, request.person)
            for protocol in self._protocols:
                if request.path.startswith(protocol.prefixes):
                    if not request.person.may(protocol.role):
                        raise Forbidden(f"{request.person.name} is a {request.person.role}", expected=protocol.role)
                    answer = protocol.answer(serving, request)
                    if answer is not None:
                        return answer
            return self._no_route()
        except Exception as error:
            return failed(error, self.capacity)
        finally:
            self.capacity.busy_ns += perf_counter_ns() - begun_ns


async def _gone(protocol: Any) -> None:
    """Comes back when the client has closed its connection."""
    await protocol.client_disconnect()
