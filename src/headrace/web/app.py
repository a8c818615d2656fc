"""App: from a request to a view and back; roles, the mark of forms, errors as pages, pages as JSON."""

from __future__ import annotations

import sys
import traceback
import uuid
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route as StarletteRoute

from headrace.access import Person
from headrace.errors import ChampionMoved, HeadraceError, InvalidInput, Misuse, StoreBusy, UnknownName
from headrace.web import assets
from headrace.web.asking import Ask, Denied, Done, Page, Text, Upload
from headrace.web.guard import Guard, cookie
from headrace.web.rendering import Renderer
from headrace.web.routes import ROUTES, Route
from headrace.web.site import Site

__all__ = ["make_app"]

_MOST_FIELDS = 200
_FIELD_BYTES = 64 * 1024
MARK = "mark"
_NOBODY = Person("nobody", "viewer", ())
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Denied, 403),
    (UnknownName, 404),
    (ChampionMoved, 409),
    (StoreBusy, 503),
    (InvalidInput, 400),
    (Misuse, 400),
)


class _TooLarge(InvalidInput):
    pass


def make_app(site: Site) -> Guard:
    """The whole of it, as an ASGI application."""
    renderer = Renderer(site)
    routes = [StarletteRoute(one.path, _Answer(site, renderer, one), methods=[one.method]) for one in ROUTES]
    routes.append(StarletteRoute("/assets/{name}", assets.serve, methods=["GET"]))

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = {404: "there is no such page", 405: "this address is not asked in that way"}.get(status, "refused")
        return renderer.problem(request, status, said)

    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False
    return Guard(app, site)


class _Answer:
    """One route's: an ASGI application, so that Starlette adds nothing of its own (HEAD, say)."""

    def __init__(self, site: Site, renderer: Renderer, route: Route) -> None:
        self._site, self._renderer, self._route = site, renderer, route

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        state, route = request.scope["state"], self._route
        try:
            if route.role != "open" and not state["person"].may(route.role):
                if route.method != "GET":
                    self._site.audit(state["person"], "denied", path=request.url.path[:200])
                raise Denied(
                    f"{state['person'].name} is a {state['person'].role}", expected=f"a token of role {route.role}"
                )
            form = await self._form(request) if route.method == "POST" else _Form()
            ask = Ask(
                self._site,
                state["person"] or _NOBODY,
                state["session"],
                dict(request.path_params),
                dict(request.query_params),
                form.fields,
                form.choices if route.method == "POST" else _several(request),
                form.upload,
                state["json"],
            )
            return self._told(request, await run_in_threadpool(route.view, ask))
        except _TooLarge as error:
            return self._renderer.problem(request, 413, str(error))
        except HeadraceError as error:
            status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
            return self._renderer.problem(request, status, str(error))
        except Exception:
            # The boundary between the caller's fault and ours: the caller gets an id, the log everything else.
            number = uuid.uuid4().hex[:12]
            sys.stderr.write(f"page {number} failed: {request.method} {route.path}\n{traceback.format_exc()}")
            sys.stderr.flush()
            return self._renderer.problem(request, 500, f"internal error {number}; what `headrace up` prints has more")

    def _told(self, request: Request, answer: Page | Done | Text) -> Response:
        state = request.scope["state"]
        if isinstance(answer, Page):
            return self._renderer.page(request, answer)
        if isinstance(answer, Text):
            if state["json"]:
                return as_json(answer.data)
            return PlainTextResponse(answer.text, headers=dict(answer.headers))
        if state["json"]:
            return as_json({"format": 1, "said": answer.said, **answer.data})
        session = state["session"] if answer.session is None else answer.session
        if answer.said and session:
            self._site.say(session, answer.said)
        told = RedirectResponse(answer.to, 303)
        if answer.session is not None:
            told.headers["set-cookie"] = cookie(answer.session, request.scope, request.headers)
        return told

    async def _form(self, request: Request) -> _Form:
        """The fields of a form whose mark is right, read no further than is allowed."""
        most = self._site.settings.body_mb << 20
        if int(request.headers.get("content-length") or 0) > most:
            raise _TooLarge(
                f"the form is larger than {most >> 20} MiB", expected="a smaller one; see the setting body_mb"
            )
        received = 0
        receive = request.receive

        async def counted() -> Any:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _TooLarge(f"the form is larger than {most >> 20} MiB", expected="a smaller one; see body_mb")
            return message

        limited = Request(request.scope, counted)
        try:
            found = await limited.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
        except (MultiPartException, HTTPException) as error:
            raise InvalidInput(f"the form cannot be read: {getattr(error, 'detail', error)}") from None
        form = _Form()
        for name, value in found.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read()
                if value.filename:
                    form.upload = Upload(value.filename, content)
                await value.close()
            else:
                form.fields[name] = value
                form.choices.setdefault(name, []).append(value)
        is_program = "authorization" in request.headers
        session = request.scope["state"]["session"]
        if not is_program and not self._site.sessions.is_mark(form.fields.get(MARK, ""), session):
            raise Denied("the form is not one of this session's", expected="one that was opened since you logged in")
        form.fields.pop(MARK, None)
        return form


def _several(request: Request) -> dict[str, list[str]]:
    """All values of each name behind the question mark, at most so many in all."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items()[:_MOST_FIELDS]:
        found.setdefault(name, []).append(value)
    return found


class _Form:
    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.upload: Upload | None = None


def as_json(data: Any, status: int = 200) -> Response:
    """Plain data as JSON."""
    return Response(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")
