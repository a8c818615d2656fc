"""A run: how it ended and why, its graph, its steps, what each made; and what can be done about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from headrace.access import mask
from headrace.orchestration.run_record import run_record
from headrace.orchestration.waivers import can_waive
from headrace.report import Context, content, page_of
from headrace.store import AttemptRow
from headrace.web.asking import Ask, Page
from headrace.web.grants import masked, may_see, sensitive_columns
from headrace.web.views._rows import artifact_href, state_of, step_href
from headrace.web.views.approvals import asked_of
from headrace.web.views.comparing import before_of

__all__ = ["context_of", "show"]


def show(ask: Ask) -> Page:
    """`/runs/RUN`."""
    run = ask.run()
    store = ask.store
    hidden = sensitive_columns(run)
    record = masked(run_record(store, run), hidden)
    state = state_of(store, run)
    report = page_of("run").report(record, context_of(ask, run.run_id))
    steps = [step for step in record.steps if step.state != "looked up"]
    done = sum(step.state in ("succeeded", "cached") for step in steps)  # as the lists of runs count
    plain = asdict(record)
    created = store.newest_event("run-created", run_id=run.run_id)
    data: dict[str, Any] = {
        "run": run.run_id,
        "pipeline": run.pipeline,
        "state": state,
        "created_us": run.created_us,
        "ended_us": run.ended_us,
        "parameters": plain["parameters"],
        "steps": [
            {**step, "outputs": {key: {"kind": item[0], "digest": item[1]} for key, item in step["outputs"].items()}}
            for step in plain["steps"]
        ],
        "ending": plain["ending"],
        "num_done": done,
        "num_steps": len(steps),
        "is_cancel_requested": run.is_cancel_requested,
        "trigger": (created.body.get("trigger") if created else None),
        "can": {
            "cancel": state in ("queued", "running", "cut off") and not run.is_cancel_requested,
            "resume": state in ("failed", "cancelled", "cut off", "rejected"),
        },
        "findings": _findings(store.attempts(run.run_id), hidden) if state == "rejected" else [],
        "file": run.plan.get("file"),
        "compare": before_of(ask, run),
        "waiting": asked_of(ask, run),
    }
    shown = {"body": content(report)}
    live_s = {"queued": 1.0, "running": 1.0, "waiting": 3.0, "cut off": 3.0}.get(
        state, 0.0
    )  # somebody may take it over
    return Page("run", f"Run {run.run_id}", data, shown, live_s=live_s)


def context_of(ask: Ask, run_id: str = "") -> Context:
    """What a report's page may link to and load: what this person may see."""
    from headrace import lookup
    from headrace.errors import HeadraceError
    from headrace.orchestration.values import load_value

    kinds = set(lookup.names("page"))

    def link(digest: str) -> str | None:
        found = ask.store.artifact(digest)
        return artifact_href(digest) if found is not None and found.kind in kinds else None

    def load(digest: str) -> Any:
        if not may_see(ask.person, ask.store, digest):
            return None
        try:
            return load_value(ask.store, digest)
        except HeadraceError:
            return None

    return Context(link, load, part=(lambda step: step_href(run_id, step)) if run_id else (lambda _: None))


def _findings(attempts: list[AttemptRow], hidden: frozenset[str]) -> list[dict[str, Any]]:
    """What a validation said no to, and whether a person can let it pass."""
    last = {row.step: row for row in attempts}
    found = []
    for step, row in last.items():
        if row.result is None or row.result.get("ok") is not False:
            continue
        items = list(row.result.get("items", ()))
        for index, name in enumerate(row.result.get("names", ())):
            message = mask(str(items[index]), hidden) if index < len(items) else ""
            found.append({"step": step, "name": name, "message": message, "can_waive": can_waive(name)})
    return found
