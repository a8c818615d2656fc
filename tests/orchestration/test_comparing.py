"""Two runs side by side: each section lists what differs, and only that."""

import pytest

from headrace.orchestration.comparing import SECTIONS, compare_runs
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import Months, month


@pytest.fixture
def months(project):
    """A project in which three months have arrived."""
    made = Months(project)
    for number in (1, 2, 3):
        made.deliver(f"0{number}", month(number))
    return made


def compared(months, first, second):
    """The sections that differ."""
    with Store.open(load_settings(months.project.folder).home, read_only=True) as store:
        found = compare_runs(store, store.run(first.run_id), store.run(second.run_id))
    assert set(found) == set(SECTIONS)
    for section, rows in found.items():
        for row in rows:
            assert set(row) - {"follows"} <= set(SECTIONS[section]), section
    return {section: rows for section, rows in found.items() if rows}


def test_two_runs_side_by_side(months):
    """A run and its repetition are alike; a parameter, a feature and a month show where they reach."""
    first = months.run()
    assert compared(months, first, first) == {}

    second = months.run(trees=40)
    found = compared(months, first, second)
    assert found["parameters"] == [
        {"step": "", "name": "trees", "before": 4, "now": 40},
        {"step": "train", "name": "trainer.n_estimators", "before": 4, "now": 40},
    ]
    assert found["metrics"][0]["slice"] == "overall"
    assert {row["slice"] for row in found["metrics"]} <= {"overall", "city=A", "city=B", "city=C", "city=null"}
    for row in found["metrics"]:
        assert row["change"] == pytest.approx(row["now"] - row["before"])
        assert row["effect"] == ("better" if row["change"] > 0 else "worse")  # roc_auc
    assert found["endpoints"] == [{"endpoint": "late", "before": "version 1", "now": "version 2"}]
    assert not {"code", "statistics", "schema", "verdicts", "not compared"} & set(found)

    months.rewrite("top_k=5", "top_k=4")
    months.deliver("04", month(4, rows=500))
    third = months.run(trees=40)
    found = compared(months, second, third)
    line = months.project.line('"city": ops.vocabulary(x.city, top_k=4),')
    assert found["code"] == [{"step": "transform", "what": "feature 'city' changed", "where": line}]
    said = {(row["step"], row["what"]) for row in found["data"]}
    assert {("ingest[04]", "span 04 is new"), ("ingest[01]", "span 01 is gone")} <= said
    assert ("ingest", "rows: 1,200 -> 1,300") in said
    assert {row["feature"] for row in found["statistics"]} >= {"at", "delay", "n"}
    moved = next(row for row in found["statistics"] if (row["feature"], row["figure"]) == ("at", "mean"))
    assert moved["now"] > moved["before"] and moved["change"].endswith("std_dev")
    figures = [row["figure"] for row in found["statistics"]]
    assert figures.index("mean") < figures.index("num_distinct")  # what moved before what is only more
    assert any(row.get("follows") for row in found["statistics"])


def test_a_refused_run_and_one_that_was_not(months):
    """Verdicts tell who said no and what that blocked; a schema file that appears shows feature by feature."""
    first = months.run()
    (months.project.folder / "schema.yaml").write_text(
        "format: 1\nfeatures:\n"
        "  - {name: id, kind: integer}\n  - {name: at, kind: timestamp}\n"
        "  - {name: city, kind: text, domain: [A, B]}\n  - {name: delay, kind: number, max: 1}\n"
        "  - {name: n, kind: number}\n  - {name: more, kind: number}\n  - {name: late, kind: boolean}\n"
    )
    found = compared(months, first, months.run())
    verdicts = {row["step"]: (row["before"], row["now"]) for row in found["verdicts"]}
    assert verdicts["validate"][0] == "yes" and verdicts["validate"][1].startswith("no: ")
    assert verdicts["push"] == ("done", "blocked: train is blocked")
    assert found["endpoints"] == [{"endpoint": "late", "before": "version 1", "now": "nothing pushed"}]
    fields = {(row["feature"], row["field"]): (row["before"], row["now"]) for row in found["schema"]}
    assert fields["city", "domain"] == (["A", "B", "C"], ["A", "B"])
    assert fields["delay", "max"] == (None, 1.0)
    assert fields["n", "kind"] == ("integer", "number")
    assert fields["more", "kind"] == (None, "number")
    assert {"step": "load_schema", "what": "otherwise= -> schema.yaml"} in found["data"]


def test_what_cannot_be_read_is_told(months):
    """Statistics whose bytes are gone are named, and the rest is compared all the same."""
    first = months.run()
    months.deliver("04", month(4))
    second = months.run()
    gone = first.steps["analyze"].outputs["statistics"]
    folder = months.project.folder / ".headrace" / "artifacts" / gone
    for file in folder.iterdir():
        file.unlink()
    found = compared(months, first, second)
    assert [row["step"] for row in found["not compared"]] == ["analyze"]
    assert "metrics" in found and "statistics" not in found
