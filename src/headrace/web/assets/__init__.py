"""The site's style and script: those of reports, and what a site needs beside them; served from the package alone."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from headrace.report.theme import script, style

__all__ = ["address", "serve"]

_FOLDER = Path(__file__).parent


@functools.cache
def _files() -> dict[str, tuple[str, bytes]]:
    def own(name: str) -> str:
        return (_FOLDER / name).read_text(encoding="utf-8")

    icon = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" '
        'fill="#0a6a96"/><path d="M3 5h10M3 8h10M3 11h10" stroke="#fff" stroke-width="1.6"/></svg>'
    )
    return {
        "headrace.css": ("text/css", f"{style()}\n{own('web.css')}".encode()),
        "headrace.js": ("text/javascript", f"{script()}\n{own('web.js')}".encode()),
        "icon.svg": ("image/svg+xml", icon.encode()),
    }


@functools.cache
def address(name: str) -> str:
    """Where an asset is; the address changes with what it holds, so that a browser may keep it."""
    return f"/assets/{name}?{hashlib.sha256(_files()[name][1]).hexdigest()[:12]}"


async def serve(request: Request) -> Response:
    """One asset, by its name in our own list."""
    found = _files().get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("there is no such file", 404)
    media_type, data = found
    return Response(data, media_type=media_type, headers={"cache-control": "max-age=31536000, immutable"})
