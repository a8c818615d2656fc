"""Due: whether a pipeline's world has changed since its last run, and when its schedule ticked; it only looks.

What `headrace up` decides by, and what the page of schedules shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headrace.orchestration.past import is_as_of
from headrace.orchestration.sensing import what_changed

if TYPE_CHECKING:
    from headrace.orchestration.schedule import Schedule
    from headrace.store import Event, RunRow, Store

__all__ = ["TICK", "is_run_of", "last_tick", "newest_run", "schedule_facts", "why_due"]

TICK = "schedule-tick"


def is_run_of(run: RunRow, parameters: Mapping[str, Any]) -> bool:
    """Whether a run is of these parameters, and of all that there was: one as of a span says nothing of now."""
    return run.plan.get("parameters") == parameters and not is_as_of(run)


def newest_run(store: Store, pipeline: str, parameters: Mapping[str, Any], *, most: int = 1000) -> RunRow | None:
    """A pipeline's newest run with these parameters, among its last `most`."""
    for limit in (1, most):
        for run in store.runs(pipeline=pipeline, limit=limit):
            if is_run_of(run, parameters):
                return run
    return None


def why_due(store: Store, found: Mapping[str, Any], newest: RunRow | None) -> list[str]:
    """Why a pipeline should run; empty when its last run was of this very world.

    Parameters
    ----------
    store : Store
        The project's.
    found : mapping
        What `looking.look` found of the pipeline.
    newest : RunRow or None
        As `newest_run`.
    """
    if newest is None:
        return ["it never ran"]
    if newest.plan_id != found["identity"]:
        return what_changed(newest.plan, newest.resolved, found["plan"], found["resolved"])
    if newest.state != "failed":
        return []
    # A push that came too late failed because the endpoint had moved, which no file shows.
    now = {name: entry["expected_version"] for name, entry in found["resolved"].items() if "replaces" in entry}
    return [
        f"{name} came too late: the endpoint has moved"
        for name, expected in now.items()
        if expected != newest.resolved.get(name, {}).get("expected_version")
        and [row.state for row in store.attempts(newest.run_id, name)][-1:] == ["failed"]
    ]


def schedule_facts(pipeline: str, schedule: Schedule) -> dict[str, str]:
    """What the events of a schedule's ticks carry, and are found by."""
    return {"pipeline": pipeline, "schedule": schedule.expression, "time_zone": schedule.time_zone}


def last_tick(store: Store, pipeline: str, schedule: Schedule) -> Event | None:
    """The newest tick that `headrace up` has acted on; its body has `tick_us`. None where it never met the schedule."""
    return store.newest_event(TICK, **schedule_facts(pipeline, schedule))
