"""Showing: from what a person names to pages that lie beside one another."""

import pytest

from headrace.cli.project import find_run
from headrace.errors import InvalidInput, StoreError, UnknownName
from headrace.orchestration.run_record import run_record
from headrace.orchestration.showing import find_shown, page, write_pages
from headrace.store import Store
from tests.report.looked_at import check_page


@pytest.fixture
def store(prepared, project):
    """The store of a project after one run of the small pipeline."""
    prepared(project)
    with Store.open(project.folder / ".headrace", read_only=True) as opened:
        yield opened


def test_what_a_person_may_name(store):
    """Nothing, a step, an output of one, a run, a step of a run, a digest, an endpoint: each means one thing."""
    run = store.runs(limit=1)[0]

    def kind(*words):
        return find_shown(store, list(words), find_run).kind

    assert kind() == kind("@last") == kind(run.run_id) == kind(run.run_id[:5]) == "run"
    assert kind("train") == kind(f"{run.run_id}:train") == kind(":train") == kind(run.run_id, "train") == "model"
    assert kind("validate") == "validation" and kind("validate.accepted") == "dataset"
    assert kind("gate") == kind("gate.leave") == "verdict"
    assert kind("ingest") == "dataset" and kind("ingest[01]") == "span" and kind("push") == "value"
    assert kind("endpoint", "late") == "model"
    digest = find_shown(store, ["evaluate"], find_run).name
    assert find_shown(store, [digest[:8]], find_run).name == digest


def test_what_cannot_be_shown_is_said(store):
    """A misspelt step, an output there is not, an endpoint that serves nothing, a digest of nothing, too many words."""
    for words, error, message in [
        (["trian"], UnknownName, "did you mean 'train'"),
        (["validate.acepted"], UnknownName, "did you mean 'accepted'"),
        (["endpoint", "early"], InvalidInput, "serves nothing"),
        (["0" * 12], UnknownName, "no artifact named"),
        (["a", "b", "c"], InvalidInput, "more than one thing"),
        (["champion"], InvalidInput, "made nothing: it is looked up"),
    ]:
        with pytest.raises(error, match=message):
            find_shown(store, words, find_run)


def test_a_run_and_all_it_made(store, tmp_path):
    """Every page that a run links to is there, keeps the promises, and is not drawn again the second time."""
    shown = find_shown(store, [], find_run)
    first = write_pages(store, shown, tmp_path / "pages")
    files = {file.name: file.stat().st_mtime_ns for file in first.parent.iterdir()}
    kinds = set()
    for file in first.parent.iterdir():
        root = check_page(file.read_text(encoding="utf-8"))
        kinds.add(next(root.all("b")).parent.text.removeprefix("headrace "))
        for link in root.all("a"):
            target = link.attributes["href"]
            assert target.startswith("#") or (first.parent / target).is_file(), target
    assert kinds == {
        *("run", "span", "dataset", "statistics", "schema", "validation", "transform graph", "model", "evaluation"),
        *("verdict", "value"),
    }
    write_pages(store, shown, tmp_path / "pages")
    again = {file.name: file.stat().st_mtime_ns for file in first.parent.iterdir()}
    assert [name for name in files if files[name] != again[name]] == [first.name]


def test_the_record_of_a_run(store):
    """Steps with what they need, why they ran, how long, and what they made; the page names each."""
    run = store.runs(limit=1)[0]
    record = run_record(store, run)
    steps = {step.name: step for step in record.steps}
    assert set(steps["evaluate"].needs) == {"train", "validate", "champion"}
    assert steps["ingest"].needs[:1] == ("ingest[01]",) and steps["analyze"].rows_read > 0
    assert steps["train"].seconds > 0 and steps["train"].start_s > 0 and "it ran" in steps["train"].why
    assert steps["champion"].state == "looked up" and not steps["champion"].outputs
    text = page(store, find_shown(store, [], find_run))
    root = check_page(text)
    rows = [row for row in root.all("th") if row.attributes["scope"] == "row"]
    assert {step.name for step in record.steps} <= {row.text for row in rows}
    assert text == page(store, find_shown(store, [], find_run))


def test_a_run_that_said_no(prepared, project):
    """The headline is the no; what was withheld is blocked; the finding is drawn, before and now."""
    import pyarrow as pa

    from tests.orchestration.small import month

    months = prepared(project)
    table = month(4)
    at = table.column_names.index("delay")
    months.deliver(
        "04",
        table.set_column(at, "delay", pa.array([None if v is None else v * 60 for v in table["delay"].to_pylist()])),
    )
    result = months.run()
    assert result.state == "rejected"
    with Store.open(project.folder / ".headrace", read_only=True) as store:
        record = run_record(store, store.runs(limit=1)[0])
        states = {step.name: step.state for step in record.steps}
        assert states["validate"] == "no" and states["push"] == "blocked"
        root = check_page(page(store, find_shown(store, [], find_run)))
        assert next(root.all("h1")).text.startswith("validate said no: ")
        validation = check_page(page(store, find_shown(store, ["validate"], find_run)))
        assert "not accepted" in validation.text
        assert any("delay" in svg.children[0].text for svg in validation.all("svg"))


def test_bytes_that_are_gone_are_said(store, tmp_path):
    """An artifact whose files were removed is an error when asked for, and no link where it is only named."""
    import shutil

    digest = find_shown(store, ["train"], find_run).name
    shutil.rmtree(store.home.artifact(digest))
    with pytest.raises(StoreError, match=f"artifact {digest[:12]}"):
        page(store, find_shown(store, ["train"], find_run))
    run = write_pages(store, find_shown(store, [], find_run), tmp_path / "pages")
    assert f"{digest}.html" not in run.read_text(encoding="utf-8")
