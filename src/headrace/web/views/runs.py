"""The list of runs, newest first, by pipeline and state."""

from __future__ import annotations

from headrace.store import RUN_STATES
from headrace.web.asking import Ask, Page
from headrace.web.views._rows import MOST, offset_of, paged, run_rows

__all__ = ["listing"]


def listing(ask: Ask) -> Page:
    """`/runs?pipeline=flights&state=failed&offset=50`."""
    pipeline, state = ask.query.get("pipeline") or None, ask.query.get("state") or None
    offset = offset_of(ask)
    found = ask.store.runs(pipeline=pipeline, state=state, limit=MOST + 1, offset=offset)
    shown, links = paged(ask, found, offset=offset)
    data = {
        "runs": run_rows(ask.store, shown),
        "pipeline": pipeline,
        "state": state,
        "pages": links,
        "pipelines": [row.pipeline for row in ask.store.pipelines()],
        "states": list(RUN_STATES),
    }
    is_live = any(run.state in ("queued", "running") for run in shown) or offset == 0
    return Page("runs", "Runs", data, live_s=3.0 if is_live else 0.0)
