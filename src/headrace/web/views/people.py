"""People: login and logout, who has access, and what was done by whom."""

from __future__ import annotations

import json
import sys
import time

from headrace.web.asking import Ask, Denied, Done, Page, Text
from headrace.web.site import AUDIT

__all__ = ["audit", "live", "login", "login_form", "logout", "tokens"]

_MOST = 100
_PAUSE_S = 0.5  # after a wrong secret


def login_form(ask: Ask) -> Page:
    """`/login`."""
    return Page("login", "Log in", {"is_needed": not (ask.site.is_loopback and ask.site.tokens.is_empty)})


def login(ask: Ask) -> Done:
    """`POST /login`: a token's secret for a session; a new one, so that nobody can have prepared it."""
    person = ask.site.tokens.person(ask.form.get("secret", "").strip())
    if person is None:
        time.sleep(_PAUSE_S)
        sys.stderr.write("a login with a secret that nobody has\n")
        raise Denied("nobody has this secret, or no longer", expected="one that `headrace tokens add` printed")
    ask.site.audit(person, "login")
    return Done("/", f"Hello, {person.name}.", {"name": person.name}, session=ask.site.sessions.make(person.token_id))


def logout(ask: Ask) -> Done:
    """`POST /logout`."""
    ask.audit("logout")
    return Done("/login", "", session="")


def tokens(ask: Ask) -> Page:
    """`/access`: who has a token, and what it opens; the secrets are nowhere."""
    now = time.time_ns() // 1000
    rows = [{**token.to_plain(), "is_valid": token.is_valid(now)} for token in reversed(ask.site.tokens.all())]
    return Page("access", "Access", {"tokens": rows[:1000]})


def audit(ask: Ask) -> Page:
    """`/audit?before=EVENT`: what was done, by whom, newest first."""
    before = ask.number("before", 0, most=1 << 60) or None
    found = ask.store.events_of(AUDIT, before=before, limit=_MOST + 1)
    rows = []
    for event in found[:_MOST]:
        facts = {name: value for name, value in event.body.items() if name not in ("who", "role", "token", "what")}
        entry = {name: event.body.get(name, "") for name in ("who", "role", "token", "what")}
        told = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in facts.items()
            if value is not None
        }
        rows.append({"event": event.event_id, "time_us": event.time_us, **entry, "facts": told})
    older = f"?before={found[_MOST - 1].event_id}" if len(found) > _MOST else None
    pages = {"newer": "?" if before else None, "older": older}
    return Page("audit", "Audit log", {"events": rows, "pages": pages})


def live(ask: Ask) -> Text:
    """`/health/live`."""
    return Text('{"live":true}\n', {"live": True})
