"""Guard: what every request passes first, and every answer last; what it does not know it refuses.

1. The Host header must be ours while we listen on loopback (a page of another site must not reach us by DNS rebinding).
2. Who asks: `Authorization: Bearer SECRET`, or a session's cookie. Nobody: only the login, the assets and whether we
   live are answered, whatever the path.
3. What changes something must come from one of our own pages (`Origin`, or the browser's `Sec-Fetch-Site`), and a form
   must carry its session's mark. A program that sends its token with each request needs neither: nothing sends that by
   itself.
4. Every answer says what may be loaded (only ours), framed (nothing), kept (nothing) and told to others (nothing).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response

from headrace.web.site import LOOPBACK, Site

__all__ = ["COOKIE", "HEADERS", "Guard"]

COOKIE = "headrace_session"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # no-referrer would make browsers hide the Origin of our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_OPEN = ("/login", "/health/live")
_OPEN_BELOW = "/assets/"
_SAFE = frozenset({"GET", "HEAD"})

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Guard:
    """Around the application."""

    def __init__(self, app: App, site: Site) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Refuse, or pass on with `scope["state"]`: the person, the session, and whether JSON is wanted."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._read_path(scope)
        answer = self._refuse(scope, headers)
        state = scope["state"]

        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                extra = {**HEADERS, "cache-control": "no-store"}
                added = [(name.encode(), value.encode()) for name, value in extra.items() if name.encode() not in known]
                message["headers"] = [*message["headers"], *added]
                if state.get("new_session") and b"set-cookie" not in known:
                    message["headers"].append((b"set-cookie", cookie(state["session"], scope, headers).encode()))
            await send(message)

        await (self._app if answer is None else answer)(scope, receive, told)

    @staticmethod
    def _read_path(scope: Scope) -> None:
        """`/runs.json` is `/runs` as data."""
        path: str = scope["path"]
        wants_json = path.endswith(".json") and not path.startswith(_OPEN_BELOW)
        if wants_json:
            path = path.removesuffix(".json")
            scope["path"] = "/" if path == "/index" else path
            scope["raw_path"] = scope["path"].encode()
        scope["state"] = {"json": wants_json, "person": None, "session": "", "new_session": False}

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        if self._site.is_loopback and _host_name(headers.get("host", "")) not in LOOPBACK:
            return JSONResponse({"error": "this server answers only to its own name; see the setting web_host"}, 421)
        state = scope["state"]
        bearer = _bearer(headers.get("authorization"))
        session = cookie_parser(headers.get("cookie", "")).get(COOKIE, "") if bearer is None else ""
        if bearer is None and self._site.sessions.token_id(session) is None:
            session, state["new_session"] = self._site.sessions.make(), True
        state["session"] = session
        state["person"] = self._site.person(session, bearer)
        path, method = scope["path"], scope["method"]
        if state["person"] is None and path not in _OPEN and not path.startswith(_OPEN_BELOW):
            return self._ask_for_login(scope, headers)
        if method not in _SAFE and bearer is None:
            return _from_elsewhere(headers)
        return None

    @staticmethod
    def _ask_for_login(scope: Scope, headers: Headers) -> Response:
        is_page = scope["method"] in _SAFE and not scope["state"]["json"] and "text/html" in headers.get("accept", "")
        if is_page:
            return RedirectResponse("/login", 303)
        return JSONResponse(
            {"error": "a token is needed: Authorization: Bearer ..."}, 401, headers={"www-authenticate": "Bearer"}
        )


def cookie(session: str, scope: Scope, headers: Headers) -> str:
    """The header that gives a browser its session; "" takes it away.

    Not to be read by scripts, not sent with what another site starts, and only over TLS where that is spoken here or by
    whoever stands before us.
    """
    is_secure = "https" in (scope.get("scheme"), headers.get("x-forwarded-proto"))
    life = "" if session else "; Max-Age=0"
    return f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if is_secure else ''}{life}"


def _from_elsewhere(headers: Headers) -> Response | None:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None:
        is_ours = urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    else:
        is_ours = site in (None, "same-origin", "none")
    return None if is_ours else JSONResponse({"error": "this was asked for by a page of another site"}, 403)


def _host_name(host: str) -> str:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return name.lower()


def _bearer(header: str | None) -> str | None:
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
