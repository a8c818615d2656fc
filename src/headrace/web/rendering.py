"""Rendering: a view's answer as a page, or as its JSON twin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from headrace.report import Html, fit, name
from headrace.report.figures import count, duration, figure, size
from headrace.web.asking import Page
from headrace.web.assets import address
from headrace.web.site import Site

__all__ = ["STATE_TONES", "Renderer"]

# One vocabulary, said in words; the colour repeats it.
STATE_TONES = {
    "succeeded": "good",
    "ready": "good",
    "failed": "bad",
    "lost": "bad",
    "no": "bad",
    "rejected": "warn",
    "cut off": "bad",
    "open": "bad",
    "blocked": "warn",
    "cancelled": "warn",
    "waiting": "warn",
}
_THEME = "headrace_theme"  # set by the script
_NAVIGATION = (
    ("Runs", "/runs"),
    ("Grid", "/grid"),
    ("Pipelines", "/pipelines"),
    ("Schedules", "/schedules"),
    ("Data", "/data"),
    ("Models", "/models"),
    ("Endpoints", "/endpoints"),
    ("Alerts", "/alerts"),
    ("Approvals", "/approvals"),
)
_FOR_ADMINS = (("Access", "/access"), ("Audit", "/audit"))


def _fit(value: Any) -> Any:
    return fit(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _moment(time_us: int | None) -> Html:
    """When: to the second in UTC, which a script may show as how long ago."""
    if time_us is None:
        return Html("")
    when = datetime.fromtimestamp(time_us / 1e6, UTC)
    text = when.strftime("%Y-%m-%d %H:%M:%S")
    return Html(f'<time datetime="{when.isoformat(timespec="seconds")}">{text}</time>')


def _tone(state: str) -> Html:
    tone = STATE_TONES.get(state, "plain")
    return Html(f'<span class="tone {tone}">{name(state)}</span>')


class Renderer:
    """Makes responses of answers; one for all threads."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_fit,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            name=name, moment=_moment, tone=_tone, count=count, figure=figure, size=size, seconds=_seconds
        )
        self._environment.globals.update(asset=address, project=site.project.name)

    def page(self, request: Request, page: Page) -> Response:
        """A page, or its data where the address asks for that."""
        state = request.scope["state"]
        if state["json"]:
            return _json({"format": 1, **page.data}, page.status)
        person = state["person"]
        text = self._environment.get_template(f"{page.template}.html").render(
            **page.data,
            **page.shown,
            title=page.title,
            live_ms=int(page.live_s * 1000),
            person=person,
            mark=self._site.sessions.mark(state["session"]) if state["session"] else "",
            said=self._site.said(state["session"]) if state["session"] else "",
            navigation=self._navigation(person, request.scope["path"]),
            twin=_twin(request),
            has_tokens=not self._site.tokens.is_empty,
            theme=_theme(request),
        )
        return HTMLResponse(text, page.status)

    def problem(self, request: Request, status: int, what: str) -> Response:
        """What went wrong, as a page or as data."""
        return self.page(request, Page("problem", "That did not work", {"error": what}, status=status))

    @staticmethod
    def _navigation(person: Any, path: str) -> list[tuple[str, str, bool]]:
        if person is None:
            return []
        entries = _NAVIGATION + (_FOR_ADMINS if person.may("admin") else ())
        return [(text, href, path == href or path.startswith(f"{href}/")) for text, href in entries]


def _twin(request: Request) -> str:
    path = request.scope["path"]
    query = request.scope.get("query_string", b"").decode("latin-1")
    return ("/index" if path == "/" else path) + ".json" + (f"?{query}" if query else "")


def _theme(request: Request) -> str:
    """What this browser chose to see, so that a page comes in it at once; "" leaves it to the system."""
    chosen = request.cookies.get(_THEME, "")
    return chosen if chosen in ("light", "dark") else ""


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(value)


def _json(data: Any, status: int) -> Response:
    return Response(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS), status, media_type="application/json")
