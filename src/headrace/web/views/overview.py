"""The first page: what runs, what went wrong, what is served."""

from __future__ import annotations

from headrace.web.asking import Ask, Page
from headrace.web.views._rows import run_rows

__all__ = ["show"]

_MOST_PIPELINES = 25
_MOST_RUNS = 10


def show(ask: Ask) -> Page:
    """Pipelines with their last run, endpoints with what they serve, and the newest runs."""
    store = ask.store
    pipelines = store.pipelines()
    newest = [store.runs(pipeline=row.pipeline, limit=1)[0] for row in pipelines[:_MOST_PIPELINES]]
    data = {
        "pipelines": [
            {**row, "num_runs": kept.num_runs}
            for row, kept in zip(run_rows(store, newest), pipelines[:_MOST_PIPELINES], strict=True)
        ],
        "num_pipelines": len(pipelines),
        "endpoints": [
            {"endpoint": one.name, "version": one.version, "model": one.model_digest, "created_us": one.created_us}
            for one in store.endpoints()
        ],
        "runs": run_rows(store, store.runs(limit=_MOST_RUNS)),
        "num_waiting": len(store.runs(state="waiting", limit=100)),
        "num_firing": sum(one["state"] == "firing" for one in ask.site.alerts()),
        "num_workers": len(store.announced("worker")),
    }
    return Page("overview", "Overview", data, live_s=3.0)
