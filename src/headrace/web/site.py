"""Site: what all pages of one project share: its store, settings, pipelines as last looked at, who has access."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from headrace.access import Person, Sessions, Tokens, local_person
from headrace.contained import Limits
from headrace.errors import HeadraceError
from headrace.monitoring import alerts
from headrace.orchestration.looking import look_contained
from headrace.orchestration.sensing import find_pipeline_files, signature
from headrace.settings import Settings
from headrace.store import Store
from headrace.web.watching import Watched

__all__ = ["AUDIT", "LOOPBACK", "Look", "Site"]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_FIND_S = 3.0  # how long the list of pipeline files is taken to be true
_MOST_SAID = 1000
_MOST_ALERTS = 500
AUDIT = "audit"


@dataclass
class Look:
    """What a pipeline's file holds, as it was last looked at; `found` is None while that goes on for the first time."""

    path: Path
    seen: tuple[Any, ...] = ()
    found: dict[str, Any] | None = None
    seconds: float = 0.0
    thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def is_looking(self) -> bool:
        """Whether its process runs now."""
        return self.thread is not None and self.thread.is_alive()


class Site:
    """One project's.

    Parameters
    ----------
    store, settings : Store, Settings
        Opened to write: runs are queued and cancelled here, as commands do it.
    project : Path
        Its folder: where uploads go, and what pipelines are looked for in.
    limits : Limits
        What looking at a file may use.
    """

    def __init__(self, store: Store, settings: Settings, project: Path, *, limits: Limits | None = None) -> None:
        self.store, self.settings, self.project = store, settings, project
        self.limits = limits or Limits()
        self.tokens = Tokens(settings.home)
        self.sessions = Sessions(self.tokens.key())
        self.is_loopback = settings.web_host in LOOPBACK
        self._looks: dict[Path, Look] = {}
        self._found: tuple[float, dict[str, Path]] = (-_FIND_S, {})
        self._lock = threading.Lock()
        self._said: OrderedDict[str, str] = OrderedDict()
        self._watched: dict[str, Watched] = {}
        self._alerts: tuple[int, list[dict[str, Any]]] = (-1, [])

    def person(self, session: str | None, bearer: str | None) -> Person | None:
        """Who asks, by the session of a browser or the secret of a program; None for nobody we know.

        Where there are no tokens, who can reach us on loopback is this machine's user.
        """
        if bearer is not None:
            return self.tokens.person(bearer)
        token_id = self.sessions.token_id(session) if session else None
        if token_id:
            token = self.tokens.find(token_id)
            return None if token is None else token.person
        return local_person() if self.is_loopback and self.tokens.is_empty else None

    def audit(self, person: Person | None, what: str, **facts: Any) -> None:
        """Write down who did what; never changed or removed, as all events."""
        who = {"who": person.name, "role": person.role, "token": person.token_id} if person else {"who": "", "role": ""}
        self.store.append_event(AUDIT, {**who, "what": what, **facts})

    def say(self, session: str, text: str) -> None:
        """What the next page of this session begins with."""
        with self._lock:
            self._said[session] = text
            while len(self._said) > _MOST_SAID:
                self._said.popitem(last=False)

    def said(self, session: str) -> str:
        """And it does so once."""
        with self._lock:
            return self._said.pop(session, "")

    def watched(self, endpoint: str) -> Watched:
        """What is known of an endpoint's traffic; the endpoint exists."""
        with self._lock:
            return self._watched.setdefault(endpoint, Watched(self.store, endpoint))

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts of all endpoints, newest first, as `monitoring.alerts`; read again when something has happened."""
        newest = self.store.newest_event_id()
        known, found = self._alerts
        if newest != known:
            happened = self.store.events(after=known, limit=_MOST_ALERTS) if known >= 0 else []
            # Where much has happened it is not gone through: they are read anew.
            is_old = any(event.kind.startswith("alert") for event in happened) or len(happened) == _MOST_ALERTS
            if known < 0 or is_old:
                found = alerts(self.store, limit=_MOST_ALERTS)
            self._alerts = (newest, found)
        return found

    def files(self) -> dict[str, Path]:
        """The project's files with a pipeline, by their path from its folder: a request can name no other file."""
        moment, found = self._found
        if time.monotonic() - moment > _FIND_S:
            paths = find_pipeline_files(self.project)
            found = {path.relative_to(self.project).as_posix(): path for path in paths}
            self._found = (time.monotonic(), found)
        return found

    def forget_files(self) -> None:
        """One has come: look again."""
        self._found = (-_FIND_S, {})

    def look(self, path: Path, *, most: int = 1000) -> Look:
        """What a file holds; looked at in the background when it, or what it depends on, is not as it was.

        While `most` files are being looked at, no other look is begun.
        """
        with self._lock:
            look = self._looks.setdefault(path, Look(path))
            now = signature([escape(str(path)), *(look.found or {}).get("watch", ())])
            is_free = sum(one.is_looking for one in self._looks.values()) < most
            if is_free and not look.is_looking and (look.found is None or now != look.seen):
                look.thread = threading.Thread(target=self._look, args=(look,), name=f"look-{path.name}", daemon=True)
                look.thread.start()
        return look

    def _look(self, look: Look) -> None:
        began = time.monotonic()
        try:
            found = look_contained(look.path, self.settings.home, self.limits)
        except HeadraceError as error:
            found = {"pipelines": [], "watch": [], "error": str(error)}
        except OSError as error:
            found = {"pipelines": [], "watch": [], "error": f"it could not be looked at: {error.strerror}"}
        look.found, look.seconds = found, time.monotonic() - began
        look.seen = signature([escape(str(look.path)), *found.get("watch", ())])
