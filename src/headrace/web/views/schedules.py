"""Schedules: of each watched pipeline when it is looked at next, when it was last, and what has changed since."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headrace.errors import HeadraceError
from headrace.orchestration.due import last_tick, newest_run, why_due
from headrace.orchestration.schedule import Schedule
from headrace.web.asking import Ask, Page
from headrace.web.views._rows import state_of
from headrace.web.views.pipelines import is_watched

__all__ = ["listing"]

_AT_ONCE = 2  # files that are looked at at the same time for this page
_MOST_FILES = 200
_MOST_REASONS = 5


def listing(ask: Ask) -> Page:
    """`/schedules`: each file is looked at in the background; what is known is shown."""
    rows: list[dict[str, Any]] = []
    num_pending = 0
    for name, path in list(ask.site.files().items())[:_MOST_FILES]:
        if not is_watched(ask, name):
            continue
        look = ask.site.look(path, most=_AT_ONCE)
        num_pending += look.found is None or look.is_looking
        if look.found is None:
            rows.append({**_NOTHING, "file": name, "state": "is being looked at"})
        elif look.found["error"]:
            rows.append({**_NOTHING, "file": name, "state": "cannot be run", "error": look.found["error"]})
        else:
            rows += [_row(ask, name, path, found) for found in look.found["pipelines"]]
    rows.sort(key=lambda row: (row["next_us"] is None, row["next_us"] or 0, row["file"], row["pipeline"]))
    data = {"schedules": rows, "now_us": time.time_ns() // 1000, "num_pending": num_pending}
    hrefs = {row["file"]: f"/pipelines/{quote(row['file'])}" for row in rows}
    return Page("schedules", "Schedules", data, {"hrefs": hrefs}, live_s=2.0 if num_pending else 10.0)


_NOTHING: dict[str, Any] = {
    "pipeline": "",
    "schedule": None,
    "streams": [],
    "next_us": None,
    "last_us": None,
    "last_was": "",
    "run": None,
    "run_state": None,
    "run_us": None,
    "changed": [],
    "error": None,
}


def _row(ask: Ask, file: str, path: Path, found: dict[str, Any]) -> dict[str, Any]:
    store, name = ask.store, found["name"]
    row = {**_NOTHING, "file": file, "pipeline": name, "schedule": found.get("schedule")}
    row["streams"] = sorted(dict(found.get("streams") or {}).values())
    if found.get("schedule"):
        row |= _ticks(ask, name, found["schedule"])
    if found.get("error"):
        return {**row, "state": "cannot be run", "error": found["error"]}
    newest = newest_run(store, name, found["parameters"])
    if newest is not None:
        row |= {"run": newest.run_id, "run_state": state_of(store, newest), "run_us": newest.created_us}
    reasons = why_due(store, found, newest)
    row["changed"] = [
        *reasons[:_MOST_REASONS],
        *([f"and {len(reasons) - _MOST_REASONS} more"] if reasons[_MOST_REASONS:] else []),
    ]
    if row["run_state"] in ("queued", "running", "waiting"):
        return {**row, "state": row["run_state"]}
    return {
        **row,
        "state": "waits for its tick" if reasons and row["schedule"] else "changed" if reasons else "up to date",
    }


def _ticks(ask: Ask, pipeline: str, written: list[str]) -> dict[str, Any]:
    """The schedule's next tick, and the newest that was acted on."""
    try:
        schedule = Schedule(*written)
        last = last_tick(ask.store, pipeline, schedule)
        after_us = time.time_ns() // 1000 if last is None else last.body["tick_us"]
        next_us = schedule.next_us(after_us)
    except HeadraceError as error:  # a contained process wrote it
        return {"error": str(error)}
    if last is None:
        return {"next_us": next_us, "last_was": "`headrace up` has not met it yet"}
    if last.body.get("first"):
        return {"next_us": next_us, "last_us": None, "last_was": "none yet"}
    ran = last.run_id or last.body.get("run")
    return {"next_us": next_us, "last_us": last.body["tick_us"], "last_was": f"run {ran}" if ran else ""}
