"""Two runs side by side, chosen in the list: what they are, and in what they differ."""

import pytest

from tests.orchestration.small import month
from tests.web.crawling import Markup


@pytest.mark.slow
def test_side_by_side(pages):
    """Another month and another parameter: parameters, metrics by slice, data; the older run is before."""
    first = pages.run_id
    pages.months.deliver("04", month(4))
    assert pages.months.run(trees=6).ok
    second = pages.run_id
    boxes = [given for tag, given in Markup(pages.client.get("/runs").text).elements if given.get("type") == "checkbox"]
    assert [(box["name"], box["value"]) for box in boxes] == [("run", second), ("run", first)]
    answers = [pages.client.get(f"/compare?run={one}&run={two}") for one, two in ((first, second), (second, first))]
    pages_of = [answer.text.partition("<main")[2].partition("</main>")[0] for answer in answers]
    assert pages_of[0] == pages_of[1] and Markup(answers[0].text).faults() == []
    data = pages.client.get(f"/compare.json?run={first}&run={second}").json()
    assert (data["before"]["run"], data["now"]["run"]) == (first, second)
    assert data["parameters"] == {"trees": [4, 6]}
    differs = data["differs"]
    assert {"step": "", "name": "trees", "before": 4, "now": 6} in differs["parameters"]
    assert {row["slice"] for row in differs["metrics"]} >= {"overall", "city=A"}
    assert any("04" in row["what"] for row in differs["data"])
    assert data["num_differences"] == sum(len(rows) for rows in differs.values())
    run = pages.data(f"/runs/{second}")
    assert run["compare"] == f"/compare?run={first}&run={second}" and pages.data(f"/runs/{first}")["compare"] is None


def test_wrong_choices(pages):
    """One, none, three or the same twice: back to the list, as data an error; an unknown run is not there."""
    run = pages.run_id
    for query in ("", f"?run={run}", f"?run={run}&run={run}", f"?run={run}&run=a&run=b"):
        assert pages.client.get(f"/compare{query}").headers["location"] == "/runs"
        assert pages.client.get(f"/compare.json{query}").status_code == (400 if query else 200)
    assert pages.client.get(f"/compare?run={run}&run=nothing").status_code == 404


def test_grants_and_sensitive_columns(pages):
    """Who may not see a run's data sees no comparison of it; values of sensitive columns are in none."""
    store = pages.store
    first = store.run(pages.run_id)
    steps = [
        {**step, "arguments": {**step["arguments"], "sensitive": ["city"]}} if step["call"] == "ingest" else step
        for step in first.plan["steps"]
    ]
    second = store.create_run(first.pipeline, {**first.plan, "steps": steps}, resolved=first.resolved, is_queued=True)
    eve = pages.as_person(pages.secret("viewer", reads=("other/*",)))
    query = f"?run={first.run_id}&run={second}"
    assert eve.get(f"/compare{query}").status_code == 403
    admin = pages.as_person(pages.secret("admin"))
    assert admin.get(f"/compare{query}").status_code == 200
    from headrace.web.views.comparing import _without_values

    row = {"feature": "city", "figure": "most frequent", "before": "A", "now": "B", "change": ""}
    assert _without_values(row, frozenset({"city"})) == {**row, "before": "hidden", "now": "hidden"}
    assert "secret" not in str(_without_values({"metric": "f1", "slice": "city=secret"}, frozenset({"city"})))
