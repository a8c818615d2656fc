"""Views: one file a page or a family of pages; each is a function from what was asked to what is answered."""

from headrace.web.views import (
    acting,
    alerts,
    approvals,
    comparing,
    data,
    endpoints,
    grid,
    models,
    overview,
    people,
    pipelines,
    run,
    runs,
    schedules,
    steering,
    step,
)

__all__ = [
    "acting",
    "alerts",
    "approvals",
    "comparing",
    "data",
    "endpoints",
    "grid",
    "models",
    "overview",
    "people",
    "pipelines",
    "run",
    "runs",
    "schedules",
    "steering",
    "step",
]
