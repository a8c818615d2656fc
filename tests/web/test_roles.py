"""The role matrix: every address there is, by every kind of person; an address that is not here fails."""

import pytest

from headrace.web.routes import ROUTES

# (method, address) -> the least role that is let in.
MATRIX = {
    ("GET", "/"): "viewer",
    ("GET", "/runs"): "viewer",
    ("GET", "/grid"): "viewer",
    ("GET", "/compare"): "viewer",
    ("GET", "/schedules"): "viewer",
    ("GET", "/runs/{run}"): "viewer",
    ("POST", "/runs/{run}/cancel"): "operator",
    ("POST", "/runs/{run}/resume"): "operator",
    ("POST", "/runs/{run}/waive"): "operator",
    ("GET", "/runs/{run}/steps/{step}"): "viewer",
    ("GET", "/runs/{run}/steps/{step}/log"): "viewer",
    ("GET", "/pipelines"): "viewer",
    ("POST", "/pipelines"): "operator",
    ("GET", "/pipelines/{file:path}"): "viewer",
    ("POST", "/pipelines/{file:path}"): "operator",
    ("GET", "/data"): "viewer",
    ("GET", "/artifacts/{digest}"): "viewer",
    ("GET", "/models"): "viewer",
    ("GET", "/endpoints"): "viewer",
    ("GET", "/endpoints/{name}"): "viewer",
    ("POST", "/endpoints/{name}/rollback"): "operator",
    ("POST", "/endpoints/{name}/promote"): "operator",
    ("POST", "/endpoints/{name}/withdraw"): "operator",
    ("POST", "/endpoints/{name}/admit"): "operator",
    ("POST", "/endpoints/{name}/policy"): "operator",
    ("GET", "/alerts"): "viewer",
    ("GET", "/approvals"): "viewer",
    ("POST", "/runs/{run}/answer"): "operator",
    ("GET", "/access"): "admin",
    ("GET", "/audit"): "admin",
    ("GET", "/login"): "open",
    ("POST", "/login"): "open",
    ("POST", "/logout"): "viewer",
    ("GET", "/health/live"): "open",
}
ORDER = ("open", "viewer", "operator", "admin")


def test_the_matrix_is_whole():
    """Each route stands in the matrix with its role, and nothing else does."""
    assert {(route.method, route.path): route.role for route in ROUTES} == MATRIX


@pytest.fixture
def filled(pages):
    """From an address with holes to one that exists."""
    model = pages.store.catalog("model")[0].digest
    facts = {
        "run": pages.run_id,
        "step": "train",
        "file:path": pages.project.file.name,
        "digest": model,
        "name": "late",
    }

    def fill(path):
        for key, value in facts.items():
            path = path.replace(f"{{{key}}}", value)
        return path

    return fill


def test_every_role_at_every_address(pages, filled):
    """Who is below an address's role is refused; who is not is let in, to the view and its own errors."""
    secrets = {role: pages.secret(role) for role in ORDER[1:]}
    for (method, path), least in MATRIX.items():
        for index, role in enumerate(ORDER):
            client = pages.client if role == "open" else pages.as_person(secrets[role])
            for suffix in ("", ".json"):
                address = filled(path) + suffix if path != "/" or not suffix else "/index.json"
                answer = client.request(method, address, headers={"accept": "application/json"})
                is_in = index >= ORDER.index(least)
                told = f"{method} {address} by {role}: {answer.status_code} {answer.text[:200]}"
                if role == "open" and least != "open":
                    assert answer.status_code == 401, told
                elif not is_in:
                    assert answer.status_code == 403, told
                elif (method, path, role) == ("POST", "/login", "open"):
                    assert answer.status_code == 403, told  # its form carries no mark, and no secret
                elif method == "POST" and path != "/logout":
                    assert answer.status_code in (303, 200, 400, 403 if path == "/login" else 400), told
                else:
                    assert answer.status_code in (200, 303), told


def test_what_is_no_address_is_closed(pages):
    """Nobody learns from an answer which addresses there are: without a token all others look alike."""
    pages.secret("admin")
    for path in ("/nothing", "/.headrace/metadata.db", "/runs/../access", "/assets", "/health/ready", "/runs/x/y/z"):
        assert pages.client.get(path, headers={"accept": "application/json"}).status_code == 401
    assert pages.client.get("/runs").headers["location"] == "/login"


def test_refused_acts_are_written_down(pages):
    """A viewer who tries to act stands in the audit log, as do the acts of who may."""
    viewer, operator = pages.as_person(pages.secret("viewer", name="eve")), pages.as_person(pages.secret("operator"))
    assert viewer.post(f"/runs/{pages.run_id}/cancel").status_code == 403
    assert operator.post(f"/runs/{pages.run_id}/cancel").status_code == 303
    told = [(event.body["who"], event.body["what"]) for event in pages.store.events_of("audit")]
    assert told == [("a operator", "cancel"), ("eve", "denied")]
    admin = pages.as_person(pages.secret("admin"))
    assert [row["who"] for row in admin.get("/audit.json").json()["events"]] == ["a operator", "eve"]
