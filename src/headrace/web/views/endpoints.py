"""Endpoints: what each serves, who put it there, what it served when; and the way back."""

from __future__ import annotations

from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.web.asking import Ask, Denied, Done, Page
from headrace.web.grants import may_see
from headrace.web.views._rows import paged
from headrace.web.views.models import served_times

__all__ = ["listing", "roll_back", "show"]

_MOST_MOVES = 100


def listing(ask: Ask) -> Page:
    """`/endpoints`."""
    rows = [
        {
            "endpoint": one.name,
            "version": one.version,
            "model": one.model_digest,
            "run": one.run_id,
            "created_us": one.created_us,
            "num_moves": len(ask.store.moves(one.name)),
        }
        for one in ask.store.endpoints()
    ]
    return Page("endpoints", "Endpoints", {"endpoints": rows}, live_s=5.0)


def show(ask: Ask) -> Page:
    """`/endpoints/NAME`."""
    name = ask.path["name"]
    live = _find(ask, name)
    moves = [
        {
            "time_us": move.time_us,
            "action": move.action,
            "version": move.version,
            "replaced": move.replaced,
            "who": move.who,
            "reason": move.reason,
            "run": move.run_id,
        }
        for move in reversed(ask.store.moves(name))
    ]
    offset = ask.number("offset", 0, most=1_000_000)
    shown, links = paged(ask, moves[offset : offset + _MOST_MOVES + 1], offset=offset, most=_MOST_MOVES)
    versions: list[dict[str, Any]] = []
    for version, times in sorted(served_times(ask, name).items(), reverse=True):
        found = ask.store.endpoint(name, version)
        assert found is not None
        versions.append(
            {
                "version": version,
                "model": found.model_digest,
                "verdict": found.verdict_digest,
                "run": found.run_id,
                "created_us": found.created_us,
                "is_live": version == live.version,
                "times": times,
            }
        )
    data = {
        "endpoint": name,
        "version": live.version,
        "model": live.model_digest,
        "verdict": live.verdict_digest,
        "versions": versions,
        "moves": shown,
        "pages": links,
        "may_move": ask.person.may("operator"),
    }
    return Page("endpoint", f"Endpoint {name}", data, {"parts": parts_of(ask, name)}, live_s=3.0)


def parts_of(ask: Ask, name: str) -> list[dict[str, Any]]:
    """What else there is to say of an endpoint, as sections: {"title", "note", "body"}; each from a room of its own."""
    return []


def roll_back(ask: Ask) -> Done:
    """`POST /endpoints/NAME/rollback`, with `to` and `because`: what `headrace endpoints rollback` does."""
    name = ask.path["name"]
    live = _find(ask, name)
    wanted, because = ask.form.get("to", ""), ask.form.get("because", "").strip()
    if not wanted.isdecimal():
        raise InvalidInput(f"{wanted[:20]!r} is no version", expected="a number")
    if not because:
        raise InvalidInput("a move without a reason", expected="why: it is kept in the endpoint's log")
    found = ask.store.endpoint(name, int(wanted))
    if found is not None and not may_see(ask.person, ask.store, found.model_digest):
        raise Denied(f"{ask.person.name} may not see version {wanted}", expected="a grant to read its data")
    ask.store.roll_back(name, int(wanted), reason=because, who=ask.person.name)
    ask.audit("rollback", endpoint=name, version=int(wanted), replaced=live.version, because=because)
    said = f"Endpoint {name} goes back from version {live.version} to version {wanted}."
    if live.version == int(wanted):
        said = f"Endpoint {name} serves version {wanted} already."
    return Done(f"/endpoints/{name}", said, {"endpoint": name, "version": int(wanted), "replaced": live.version})


def _find(ask: Ask, name: str) -> Any:
    found = ask.store.endpoint(name)
    if found is None:
        known = [one.name for one in ask.store.endpoints()]
        raise UnknownName("endpoint", name, known, where="" if known else "nothing was pushed yet")
    return found
