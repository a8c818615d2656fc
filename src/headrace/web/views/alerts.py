"""Alerts: what was told of endpoints: open ones first, over all endpoints, and as a section of each one's page."""

from __future__ import annotations

from collections import Counter
from typing import Any

from headrace.report import Cell, Column, Content, Html, name, table, tag
from headrace.report.figures import duration, figure, moment
from headrace.web.asking import Ask, Page
from headrace.web.grants import may_see
from headrace.web.views._rows import offset_of, paged

__all__ = ["alerts_part", "listing", "told_of"]

_MOST_TOLD = 50
_TONES = {"firing": ("bad", "open"), "resolved": ("good", "resolved"), "told": ("warn", "told")}


def listing(ask: Ask) -> Page:
    """`/alerts?endpoint=late&state=firing`: of all endpoints whose model this person may see."""
    wanted, state = ask.query.get("endpoint") or None, ask.query.get("state") or None
    mine = _seen_by(ask)
    known = [one for one in ask.site.alerts() if one["endpoint"] in mine]
    open_now = [one for one in known if one["state"] == "firing"]
    chosen = [one for one in known if wanted in (None, one["endpoint"]) and state in (None, one["state"])]
    offset = offset_of(ask)
    shown, links = paged(ask, chosen[offset : offset + _MOST_TOLD + 1], offset=offset, most=_MOST_TOLD)
    data: dict[str, Any] = {
        "open": open_now,
        "alerts": shown,
        "endpoints": sorted(mine),
        "endpoint": wanted,
        "state": state,
        "states": list(_TONES),
        "by_endpoint": dict(Counter(one["endpoint"] for one in open_now)),
        "num_monitors": len(ask.store.announced("monitor")),
        "rules": [one.shown() for one in ask.site.settings.alerts],
        "pages": links,
    }
    tables = {
        "open_table": alerts_table("Open now, the newest first", open_now, with_endpoint=True) if open_now else "",
        "told_table": alerts_table("Newest first", shown, with_endpoint=True) if shown else "",
    }
    return Page("alerts", "Alerts", data, tables, live_s=3.0)


def told_of(ask: Ask, endpoint: str) -> list[dict[str, Any]]:
    """What was told of an endpoint lately: open ones first, then the newest."""
    mine = [one for one in ask.site.alerts() if one["endpoint"] == endpoint]
    return sorted(mine, key=lambda one: one["state"] != "firing")[:_MOST_TOLD]


def alerts_part(told: list[dict[str, Any]]) -> dict[str, Any]:
    """An endpoint's alerts, as a section of its page."""
    note = "Rules of the last minute that did not hold, and what the guardrail took out."
    body: Content = tag("p", "Nothing was told of it.")
    if told:
        body = alerts_table("Open ones first, then the newest", told)
    return {"title": "Alerts", "note": note, "body": body}


def alerts_table(caption: str, told: list[dict[str, Any]], *, with_endpoint: bool = False) -> Html:
    """Alerts as a table."""
    rows: list[list[Content | Cell]] = []
    for one in told:
        tone, word = _TONES.get(one["state"], ("plain", str(one["state"])))
        began_us = int(one["began_s"] * 1e6) if "began_s" in one else one["time_us"]
        lasted = one.get("lasted_s")
        figures = [one.get(key) for key in ("measured", "allowed")]
        measured = [figure(value) if isinstance(value, (int, float)) else "" for value in figures]
        cells: list[Content | Cell] = [
            tag("span", word, class_=f"tone {tone}"),
            Cell(tag("time", moment(began_us // 1_000_000 * 1_000_000)), began_us),
            Cell("" if lasted is None else duration(lasted), lasted),
            tag("code", one["rule"]) if one["rule"] else "",
            name(one["slice"]) if one["slice"] != "overall" else "",
            measured[0] + (f" (allowed {measured[1]})" if measured[1] else ""),
            [tag("div", name(str(line), longest=300)) for line in one["items"][:3]],
        ]
        if with_endpoint:
            cells.insert(1, tag("a", name(one["endpoint"]), href=f"/endpoints/{one['endpoint']}"))
        rows.append(cells)
    columns = [
        Column("State"),
        Column("Began (UTC)"),
        Column("Lasted", "num"),
        Column("Rule"),
        Column("Of"),
        Column("Measured", "num"),
        Column("In words"),
    ]
    if with_endpoint:
        columns.insert(1, Column("Endpoint"))
    return table(caption, columns, rows)


def _seen_by(ask: Ask) -> set[str]:
    """The endpoints whose model this person may see."""
    return {one.name for one in ask.store.endpoints() if may_see(ask.person, ask.store, one.model_digest)}
