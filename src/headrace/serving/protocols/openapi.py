"""The description of the server, for programs and for people.

| route | answer |
|---|---|
| GET /openapi.json | OpenAPI 3.1, made from the signatures of the models that serve now |
| GET /try | the endpoints; with one alone, the page to try it |
| GET /try/NAME | a form of its columns: what it answers, and what each column adds |

Both need the token where there is one, as every route does. A browser sends none: beside a token the page can be had
through a proxy that adds it, and is else for the machine itself, where none is needed. The page needs nothing else from
any network, and its policy lets it ask this server alone.
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import unquote

import orjson

from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Serving
from headrace.serving.openapi import describe_api
from headrace.serving.trying import list_page, policy, try_page

__all__ = ["OpenApi"]

_DOCUMENT, _TRY = "/openapi.json", "/try"


class OpenApi(Protocol):
    """The document and the page; see the module's docstring for the routes."""

    prefixes: ClassVar[tuple[str, ...]] = (_DOCUMENT, _TRY)
    routes: ClassVar[tuple[str, ...]] = (f"GET {_DOCUMENT}", f"GET {_TRY}", f"GET {_TRY}/NAME")

    def answer(self, serving: Serving, request: Request) -> Answer | None:
        """One of the routes."""
        path = request.path
        if path != _DOCUMENT and path != _TRY and not path.startswith(f"{_TRY}/"):
            return None
        if request.method != "GET":
            return Answer(405, orjson.dumps({"error": "only GET is answered here"}), headers=(("allow", "GET"),))
        if path == _DOCUMENT:
            from headrace import __version__

            return Answer(200, orjson.dumps(describe_api(serving, __version__)))
        name = unquote(path[len(_TRY) + 1 :])
        if name:
            page = try_page(serving.get(name), list(serving.endpoints))
        elif len(serving.endpoints) == 1:
            page = try_page(next(iter(serving.endpoints.values())), list(serving.endpoints))
        else:
            page = list_page(serving)
        return Answer(200, page.encode(), "text/html; charset=utf-8", (("content-security-policy", policy()), *_SAFE))


_SAFE = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"))
