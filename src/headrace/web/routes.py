"""Routes: every address there is, what it takes to be let in, and the view that answers. What is not here is refused.

| role | may |
|---|---|
| open | anybody who reaches us: the login, the assets, whether we live |
| viewer | look at what their grants let them see |
| operator | also upload, run, cancel, resume, waive, answer what waits, roll back, divide traffic |
| admin | also see who has tokens, and the audit log |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.web import views
from headrace.web.asking import Ask, Done, Page, Text

__all__ = ["ROUTES", "Route"]


@dataclass(frozen=True)
class Route:
    """One address and method: the role it needs, and what answers."""

    method: str
    path: str
    role: str
    view: Callable[[Ask], Page | Done | Text]


ROUTES = (
    Route("GET", "/", "viewer", views.overview.show),
    Route("GET", "/runs", "viewer", views.runs.listing),
    Route("GET", "/grid", "viewer", views.grid.show),
    Route("GET", "/compare", "viewer", views.comparing.show),
    Route("GET", "/schedules", "viewer", views.schedules.listing),
    Route("GET", "/runs/{run}", "viewer", views.run.show),
    Route("POST", "/runs/{run}/cancel", "operator", views.acting.cancel),
    Route("POST", "/runs/{run}/resume", "operator", views.acting.resume),
    Route("POST", "/runs/{run}/waive", "operator", views.acting.waive),
    Route("GET", "/runs/{run}/steps/{step}", "viewer", views.step.show),
    Route("GET", "/runs/{run}/steps/{step}/log", "viewer", views.step.log),
    Route("GET", "/pipelines", "viewer", views.pipelines.listing),
    Route("POST", "/pipelines", "operator", views.pipelines.upload),
    Route("GET", "/pipelines/{file:path}", "viewer", views.pipelines.show),
    Route("POST", "/pipelines/{file:path}", "operator", views.pipelines.run),
    Route("GET", "/data", "viewer", views.data.listing),
    Route("GET", "/artifacts/{digest}", "viewer", views.data.show),
    Route("GET", "/models", "viewer", views.models.listing),
    Route("GET", "/endpoints", "viewer", views.endpoints.listing),
    Route("GET", "/endpoints/{name}", "viewer", views.endpoints.show),
    Route("POST", "/endpoints/{name}/rollback", "operator", views.steering.roll_back),
    Route("POST", "/endpoints/{name}/promote", "operator", views.steering.promote),
    Route("POST", "/endpoints/{name}/withdraw", "operator", views.steering.withdraw),
    Route("POST", "/endpoints/{name}/admit", "operator", views.steering.admit),
    Route("POST", "/endpoints/{name}/policy", "operator", views.steering.set_policy),
    Route("GET", "/alerts", "viewer", views.alerts.listing),
    Route("GET", "/approvals", "viewer", views.approvals.listing),
    Route("POST", "/runs/{run}/answer", "operator", views.approvals.answer_run),
    Route("GET", "/access", "admin", views.people.tokens),
    Route("GET", "/audit", "admin", views.people.audit),
    Route("GET", "/login", "open", views.people.login_form),
    Route("POST", "/login", "open", views.people.login),
    Route("POST", "/logout", "viewer", views.people.logout),
    Route("GET", "/health/live", "open", views.people.live),
)
