"""How a run ended: findings one a line, what serves all the same, what to type next; the same when asked again."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.orchestration.ending import ending
from headrace.orchestration.runner import run_pipeline
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.small import month

SCHEMA = "format: 1\nfeatures:\n" + "".join(f"  - name: x{n}\n    kind: integer\n    max: 10\n" for n in range(30))


def told(project, run_id, width=0):
    """What is told of a run."""
    with Store.open(load_settings(project.folder).home, read_only=True) as store:
        return ending(store, store.run(run_id), width=width)


@pytest.fixture
def refused(project, monkeypatch):
    """A run whose validation found two columns out of range and one new, and its project."""
    monkeypatch.chdir(project.folder)
    (project.folder / "data").mkdir()
    (project.folder / "schema.yaml").write_text(SCHEMA)
    columns = {f"x{n}": [1, 11 if n < 2 else 2] for n in range(30)}
    pq.write_table(pa.table({**columns, "new": [1, 2]}), project.folder / "data" / "1.parquet")
    project.write("""
    @hr.pipeline
    def flow():
        raw = hr.ingest("data/{span}.parquet")
        hr.analyze(hr.validate(raw, hr.load_schema("schema.yaml")).accepted)
    """)
    return project, run_pipeline(project.pipeline(), {}, in_process=True)


def test_findings_by_name(refused, capfd):
    """Each finding is one line with the name it is waived by; warnings follow; then the three ways on."""
    project, result = refused
    lines = told(project, result.run_id)
    assert lines[0] == "validate says no: 2 findings"
    assert [line.partition(": ")[0] for line in lines[1:3]] == ["  range:x0", "  range:x1"]
    assert lines[3:5] == [
        "validate warns of:",
        "  new_column:new: column 'new', integer (int64), in span 1 is not in the schema; nothing checks it",
    ]
    assert lines[5] == f"next: put the data right, then: headrace run {project.file.name}"
    accept = f"headrace schemas accept {result.run_id} --allow range:x0 --allow range:x1"
    assert lines[6] == f"  or: the schema is what is wrong: change schema.yaml, or: {accept}"
    assert lines[7].endswith(
        f"headrace run {project.file.name} --waive range:x0 --waive range:x1 --by NAME --because REASON"
    )
    run_pipeline(project.pipeline(), {}, in_process=True)
    printed = capfd.readouterr().err
    assert all(line in printed for line in lines if result.run_id not in line)  # a cached no says the same


def test_lines_fit_the_terminal(refused):
    """On a terminal long lines are wrapped under their own beginning, and no word is cut."""
    project, result = refused
    lines = told(project, result.run_id, width=60)
    assert max(len(line) for line in lines if " " in line.strip()) <= 60
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(told(project, result.run_id)).split())


def test_what_was_let_pass_is_told(refused):
    """A waived finding is told with who and why, though the run succeeded."""
    project, _ = refused
    waivers = [{"name": f"range:x{n}", "by": "Ann", "because": "known"} for n in range(2)]
    result = run_pipeline(project.pipeline(), {}, in_process=True, waivers=waivers)
    assert told(project, result.run_id)[:3] == [
        "validate let pass:",
        "  range:x0, by Ann: known",
        "  range:x1, by Ann: known",
    ]


def test_a_failure_offers_both_ways(project, monkeypatch):
    """A failed step says why and where its log is; the run can be started anew, once that is right, or resumed."""
    monkeypatch.chdir(project.folder)
    pipeline = project.write("""
        @hr.step
        def one() -> int: return 1 // 0
        @hr.pipeline
        def flow(): one()
    """).pipeline()
    result = run_pipeline(pipeline, {}, in_process=True)
    first, second, third = told(project, result.run_id)
    assert first.startswith("one failed: ZeroDivisionError") and f"headrace logs {result.run_id} one" in first
    assert second == f"next: put right what failed, then: headrace run {project.file.name}"
    assert f"headrace resume {result.run_id}" in third


def test_a_process_that_died_is_resumed_first(project, monkeypatch):
    """Where nothing is wrong with what was asked, going on is what is proposed first."""
    monkeypatch.chdir(project.folder)
    pipeline = project.write("""
        import os, signal
        @hr.step
        def one() -> int: os.kill(os.getpid(), signal.SIGKILL)
        @hr.pipeline
        def flow(): one()
    """).pipeline()
    result = run_pipeline(pipeline, {})
    first, second, third = told(project, result.run_id)
    assert first.startswith("one failed: its process was killed")
    assert f"headrace resume {result.run_id}" in second and f"headrace run {project.file.name}" in third


def test_nothing_is_told_of_a_run_that_goes_on(project):
    """While a run is running there is no end to tell."""
    with Store.open(project.folder / ".headrace") as store:
        run_id = store.create_run("flow", {"steps": []})
        assert ending(store, store.run(run_id)) == []


def test_endpoints_are_told_as_they_were(project, prepared, monkeypatch):
    """What a run says of its endpoint stays what it said when it ended; a later version is told as later."""
    monkeypatch.chdir(project.folder)
    months = prepared(project)
    first = months.run()  # cached: the model behind version 1
    before = [line for line in told(project, first.run_id) if line.startswith("endpoint")]
    assert before == ["endpoint late: serves version 1"]
    months.deliver("04", month(4))
    second = months.run()
    assert "endpoint late: now serves version 2" in told(project, second.run_id)
    past = (
        "endpoint late: served version {} when this run ended, and serves version {} now: `headrace endpoints rollback"
    )
    assert f"{past.format(1, 2)} late --to 1` serves it again" in told(project, first.run_id)
    with Store.open(load_settings(project.folder).home) as store:
        store.roll_back("late", 1, reason="slow")
    assert f"{past.format(2, 1)} late --to 2` serves it again" in told(project, second.run_id)
    assert before[0] in told(project, first.run_id)
    again = months.run()
    back = "`headrace endpoints rollback late --to 2` serves it again"
    assert f"endpoint late: serves version 1; this run's model is version 2: {back}" in told(project, again.run_id)
