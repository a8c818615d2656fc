"""Endpoints: what each serves to whom, how it does, what was told of it, who moved it; what can be done: `steering`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from headrace import lookup
from headrace.routing import standing_of
from headrace.routing.telling import reason_of, words_of
from headrace.web.asking import Ask, Page
from headrace.web.grants import may_see
from headrace.web.views._rows import endpoint_of, paged
from headrace.web.views._traffic import bandit_part, said_of, traffic_part
from headrace.web.views.alerts import alerts_part, told_of
from headrace.web.views.models import served_times
from headrace.web.watching import Seen

__all__ = ["listing", "show"]

_MOST_MOVES = 100


def listing(ask: Ask) -> Page:
    """`/endpoints`."""
    firing = Counter(one["endpoint"] for one in ask.site.alerts() if one["state"] == "firing")
    rows = [
        {
            "endpoint": one.name,
            "version": one.version,
            "model": one.model_digest,
            "run": one.run_id,
            "created_us": one.created_us,
            "num_moves": len(ask.store.moves(one.name)),
            "num_firing": firing.get(one.name, 0),
        }
        for one in ask.store.endpoints()
    ]
    return Page("endpoints", "Endpoints", {"endpoints": rows}, live_s=5.0)


def show(ask: Ask) -> Page:
    """`/endpoints/NAME`."""
    name = ask.path["name"]
    live = endpoint_of(ask)
    moves = [
        {
            "time_us": move.time_us,
            "action": move.action,
            "said": words_of(move),
            "concerns": move.concerns,
            "version": move.version,
            "replaced": move.replaced,
            "who": move.who,
            "reason": reason_of(move),
            "run": move.run_id,
        }
        for move in reversed(ask.store.moves(name))
    ]
    offset = ask.number("offset", 0, most=1_000_000)
    shown, links = paged(ask, moves[offset : offset + _MOST_MOVES + 1], offset=offset, most=_MOST_MOVES)
    times, standing = served_times(ask, name), standing_of(ask.store, name)
    versions = [
        {
            "version": found.version,
            "model": found.model_digest,
            "verdict": found.verdict_digest,
            "run": found.run_id,
            "created_us": found.created_us,
            "is_live": found.version == live.version,
            "takes_part": standing.is_divided and found.version in standing.versions,
            "times": times.get(found.version, []),
        }
        for found in reversed(ask.store.versions(name))
    ]
    data: dict[str, Any] = {
        "endpoint": name,
        "version": live.version,
        "model": live.model_digest,
        "verdict": live.verdict_digest,
        "versions": versions,
        "moves": shown,
        "pages": links,
        "may_move": ask.person.may("operator"),
        "may_see": may_see(ask.person, ask.store, live.model_digest),
        "policies": lookup.names("policy"),
        "firing": 0,
    }
    parts: list[dict[str, Any]] = []
    said = ""
    if data["may_see"]:
        seen, told = ask.site.watched(name).look(), told_of(ask, name)
        data["traffic"] = {**seen.traffic, "versions": seen.versions, "series": seen.series, "shares": seen.shares}
        data["alerts"], data["firing"] = told, sum(one["state"] == "firing" for one in told)
        parts, said = parts_of(ask, name, seen, told), said_of(seen)
    withdrawn = [int(version) for version in data["traffic"]["withdrawn"]] if parts else []
    shown_only = {
        "parts": parts,
        "withdrawn": withdrawn,
        "others": [one["version"] for one in versions if not one["is_live"]],
        "policy_now": data["traffic"]["policy"]["policy"] if parts else "",
        "traffic_said": said,
    }
    return Page("endpoint", f"Endpoint {name}", data, shown_only, live_s=3.0)


def parts_of(ask: Ask, name: str, seen: Seen, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What there is to say of an endpoint beside its versions, as sections: {"title", "note", "body"}."""
    parts = [bandit_part(seen), traffic_part(seen), alerts_part(told)]
    if any(one["state"] == "firing" for one in told):  # what is wrong now comes first
        parts.insert(0, parts.pop())
    return [part for part in parts if part is not None]
