"""Rows: runs as lists show them, and pages of long lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from headrace.errors import UnknownName
from headrace.orchestration.lookups import looked_up_of
from headrace.store import Endpoint, RunRow, Store
from headrace.web.asking import Ask

__all__ = ["MOST", "artifact_href", "endpoint_of", "paged", "run_href", "run_rows", "state_of", "step_href"]

MOST = 50
_FARTHEST = 10_000_000
Item = TypeVar("Item")


def state_of(store: Store, run: RunRow) -> str:
    """A run's state; "cut off" where it runs and nobody works on it."""
    if run.state == "running" and not store.is_alive(store.lease(run.run_id)):
        now = store.run(run.run_id).state  # it may have ended since it was read, its lease gone with that
        return "cut off" if now == "running" else now
    return run.state


def run_rows(store: Store, runs: Sequence[RunRow]) -> list[dict[str, Any]]:
    """Runs as plain data, each with how its steps are; nothing of what they found."""
    states = store.step_states([run.run_id for run in runs])
    rows = []
    for run in runs:
        known = states[run.run_id]
        looked_up = looked_up_of(run)
        steps = {
            planned["name"]: known.get(planned["name"], "looked up" if planned["name"] in looked_up else "not run")
            for planned in run.plan.get("steps", ())
        }
        steps = {name: state for name, state in {**steps, **known}.items() if state != "looked up"}
        rows.append(
            {
                "run": run.run_id,
                "pipeline": run.pipeline,
                "state": state_of(store, run),
                "created_us": run.created_us,
                "seconds": None if run.ended_us is None else (run.ended_us - run.created_us) / 1e6,
                "num_done": sum(state in ("succeeded", "cached") for state in steps.values()),
                "num_steps": len(steps),
                "steps": steps,
            }
        )
    return rows


def paged(
    ask: Ask, found: Sequence[Item], *, offset: int, most: int = MOST
) -> tuple[list[Item], dict[str, str | None]]:
    """A page of a list, asked for with one more than it shows; and the addresses of those before and after."""
    query = {name: value for name, value in ask.query.items() if name != "offset"}
    links: dict[str, str | None] = {"newer": None, "older": None}
    if offset:
        before = max(0, offset - most)
        links["newer"] = "?" + urlencode({**query, **({"offset": before} if before else {})})
    if len(found) > most:
        links["older"] = "?" + urlencode({**query, "offset": offset + most})
    return list(found[:most]), links


def offset_of(ask: Ask) -> int:
    """How far down a list is asked for."""
    return ask.number("offset", 0, most=_FARTHEST)


def run_href(run_id: str) -> str:
    """A run's page."""
    return f"/runs/{quote(run_id, safe='')}"


def step_href(run_id: str, step: str) -> str:
    """A step's page."""
    return f"{run_href(run_id)}/steps/{quote(step, safe='')}"


def endpoint_of(ask: Ask) -> Endpoint:
    """What the endpoint that the address names serves now."""
    name = ask.path["name"]
    found = ask.store.endpoint(name)
    if found is None:
        known = [one.name for one in ask.store.endpoints()]
        raise UnknownName("endpoint", name, known, where="" if known else "nothing was pushed yet")
    return found


def artifact_href(digest: str) -> str:
    """An artifact's page."""
    return f"/artifacts/{digest}"
