"""The HTTP door: one callable that Granian calls for each request (its RSGI interface).

Deny by default: a path that no protocol owns is 404; a Host header that is not ours is refused while we listen on
loopback (a web page must not reach a local server by DNS rebinding); with a token set, every route but live and
ready needs it; a body over the limit is refused before it is read.

| status | when |
|---|---|
| 400 | the request cannot be answered as it stands: the message names row and column |
| 401 | the token is missing or wrong |
| 404 | no such route, endpoint or version |
| 405 | the method is neither GET nor POST |
| 413 | the body is larger than the setting body_mb |
| 421 | the Host header names another host |
| 500 | our fault; the answer carries an id, the log the details |
"""

from __future__ import annotations

import asyncio
import hmac
import sys
import traceback
import uuid
from typing import Any

import orjson

from headrace.errors import InvalidInput, UnknownName
from headrace.lookup import find, names
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Serving

__all__ = ["Door"]

# A body above this is parsed and run on a thread, so that small requests are not held up behind it.
_SMALL_BODY_BYTES = 128 * 1024


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, orjson.dumps({"error": message}))


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
        What `Authorization: Bearer` must carry; empty = nothing is asked for.
    """

    def __init__(self, serving: Serving, *, body_bytes: int, hosts: frozenset[str] | None, token: str) -> None:
        self.serving = serving
        self._body_bytes, self._hosts, self._token = body_bytes, hosts, f"Bearer {token}".encode() if token else b""
        self._protocols: list[Protocol] = [find("protocol", name)() for name in names("protocol")]
        self._threads = asyncio.Semaphore(1)
        self.is_ready = False
        self.num_running = 0

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        self.num_running += 1
        try:
            answer = self._refuse(scope)
            if answer is None:
                body = await self._read(scope, protocol)
                if isinstance(body, Answer):
                    answer = body
                else:
                    answer = await self._answer(Request(scope.method, scope.path, body))
            headers = [("content-type", answer.media_type)]
            if answer.status == 401:
                headers.append(("www-authenticate", "Bearer"))
            protocol.response_bytes(answer.status, headers, answer.body)
        finally:
            self.num_running -= 1

    def _refuse(self, scope: Any) -> Answer | None:
        """What can be said before the body is read."""
        if self._hosts is not None:
            host = scope.authority or scope.headers.get("host") or ""
            name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
            if name not in self._hosts:
                return _refusal(421, "this server answers only to its own name; see the setting host")
        path = scope.path
        if path == "/health/live":
            return Answer(200, b'{"live":true}')
        if path == "/health/ready":
            ready = self.is_ready and bool(self.serving.endpoints)
            return Answer(200 if ready else 503, b'{"ready":true}' if ready else b'{"ready":false}')
        if self._token:
            given = (scope.headers.get("authorization") or "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, self._token):
                return _refusal(401, "a token is needed: Authorization: Bearer ...")
        if scope.method not in ("GET", "POST"):
            return _refusal(405, f"{scope.method[:20]} is not answered here; GET and POST are")
        if not any(path.startswith(one.prefix) for one in self._protocols):
            return _refusal(404, "no such route")
        return None

    async def _read(self, scope: Any, protocol: Any) -> bytes | Answer:
        if scope.method == "GET":
            return b""
        limit = self._body_bytes
        too_large = _refusal(413, f"the body is larger than {limit:,} bytes; send fewer rows, or raise body_mb")
        announced = scope.headers.get("content-length")
        if announced is not None:
            if not announced.isdigit() or int(announced) > limit:
                return too_large
            return bytes(await protocol())
        parts: list[bytes] = []
        size = 0
        async for part in protocol:  # chunked: the size shows only as it comes
            size += len(part)
            if size > limit:
                return too_large
            parts.append(part)
        return b"".join(parts)

    async def _answer(self, request: Request) -> Answer:
        if len(request.body) <= _SMALL_BODY_BYTES:
            return self._translate(request)
        async with self._threads:
            return await asyncio.get_running_loop().run_in_executor(None, self._translate, request)

    def _translate(self, request: Request) -> Answer:
        try:
            for protocol in self._protocols:
                if request.path.startswith(protocol.prefix):
                    answer = protocol.answer(self.serving, request)
                    if answer is not None:
                        return answer
            return _refusal(404, "no such route")
        except UnknownName as error:
            return _refusal(404, str(error))
        except InvalidInput as error:
            return _refusal(400, str(error))
        except Exception:
            # The boundary between the caller's fault and ours: the caller gets an id, the log everything else.
            number = uuid.uuid4().hex[:12]
            sys.stderr.write(f"request {number} failed\n{traceback.format_exc()}")
            sys.stderr.flush()
            return _refusal(500, f"internal error {number}; the server's log has the details")
