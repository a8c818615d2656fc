"""Waivers in runs: bound to the data they were given for, part of the key, kept with who and why."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.errors import InvalidInput
from headrace.orchestration.runner import run_pipeline
from headrace.orchestration.waivers import binding, check_waivers
from headrace.settings import load_settings
from headrace.store import Store

FLOW = """
    @hr.pipeline
    def flow():
        raw = hr.ingest("data/{span}.parquet", spans="all")
        hr.analyze(hr.validate(raw, hr.load_schema("schema.yaml")).accepted)
"""
SCHEMA = """
format: 1
features:
  - name: x
    kind: integer
    max: 10
"""
ANN = {"name": "range:x", "by": "Ann", "because": "a test flight"}


@pytest.fixture
def broken(project):
    """A project whose only span has one row out of range."""
    (project.folder / "data").mkdir()
    (project.folder / "schema.yaml").write_text(SCHEMA)
    project.deliver = lambda name, xs: pq.write_table(pa.table({"x": xs}), project.folder / "data" / f"{name}.parquet")
    project.deliver("1", [1, 2, 11])
    return project.write(FLOW)


def states(result):
    """Step -> state."""
    return {name: step.state for name, step in result.steps.items()}


def test_a_waived_finding_lets_the_data_pass(broken):
    """Without it the run is rejected, with it it goes on; who and why is in the run, the attempt, the events."""
    pipeline = broken.pipeline()
    no = run_pipeline(pipeline, {}, in_process=True)
    assert no.state == "rejected" and no.steps["validate"].result["names"] == ["range:x"]
    yes = run_pipeline(pipeline, {}, in_process=True, waivers=[ANN])
    assert yes.ok and states(yes)["validate"] == "succeeded" and states(yes)["ingest"] == "cached"
    digest = yes.steps["ingest"].outputs["dataset"]
    assert yes.steps["validate"].result["waived"] == [{**ANN, "dataset_digest": digest}]
    with Store.open(load_settings(broken.folder).home, read_only=True) as store:
        assert store.run(yes.run_id).resolved["validate"]["waivers"] == [{**ANN, "dataset": None}]
        (row,) = store.attempts(yes.run_id, "validate")
        assert store.key_parts(row.key).parts["resolved"]["waivers"] == [ANN]
        (told,) = [event.body for event in store.events(yes.run_id) if event.kind == "finding-waived"]
        assert (told["name"], told["by"], told["because"], told["dataset_digest"]) == (*ANN.values(), digest)


def test_a_waiver_holds_until_the_data_change(broken):
    """The next run finds all cached; with another row the waiver is void; with the old data it holds again."""
    pipeline = broken.pipeline()
    assert run_pipeline(pipeline, {}, in_process=True, waivers=[ANN]).ok
    for waivers in ([], [ANN]):
        again = run_pipeline(pipeline, {}, in_process=True, waivers=waivers)
        assert again.ok and again.num_cached == again.num_steps
    broken.deliver("1", [1, 2, 11, 3])
    assert run_pipeline(pipeline, {}, in_process=True).state == "rejected"
    broken.deliver("1", [1, 2, 11])
    assert run_pipeline(pipeline, {}, in_process=True).ok


def test_a_waiver_that_names_nothing_is_told(broken):
    """A mistyped name lets nothing pass, is told, and is not remembered."""
    pipeline = broken.pipeline()
    result = run_pipeline(pipeline, {}, in_process=True, waivers=[{**ANN, "name": "range:y"}])
    assert result.state == "rejected"
    assert "names no error here" in result.steps["validate"].result["notes"][0]
    with Store.open(load_settings(broken.folder).home, read_only=True) as store:
        assert store.snapshot("flow", streams={"ingest": []}).waived["ingest"] == ()


def test_who_and_why_are_asked_for():
    """A waiver without a person or a reason, a person without a waiver, and a name with holes are refused."""
    for names, by, because in [
        (["a"], None, "x"),
        (["a"], "Ann", None),
        (["a"], " ", "x"),
        (["a"], "Ann", ""),
        ([], "Ann", None),
        ([], None, "x"),
        (["a:"], "Ann", "x"),
        ([""], "Ann", "x"),
    ]:
        with pytest.raises(InvalidInput, match="--"):
            check_waivers(names, by, because)
    assert check_waivers([], None, None) == []


def test_of_two_waivers_the_last_holds():
    """Waivers of other data do not bind; of two for one finding the last given does."""
    resolved = {
        "waivers": [
            {**ANN, "dataset": "d1"},
            {**ANN, "name": "nan:x", "dataset": "d2"},
            {**ANN, "by": "Bob", "dataset": None},
        ]
    }
    assert binding(resolved, "d1") == [{**ANN, "by": "Bob"}]
    assert [item["name"] for item in binding(resolved, "d2")] == ["nan:x", "range:x"]
    assert binding({}, "d1") == []


def test_a_pipeline_without_validation_has_nothing_to_waive(project):
    """A waiver for a pipeline that validates nothing is refused when the run is planned."""
    pipeline = project.write("""
        @hr.step
        def one() -> int: return 1
        @hr.pipeline
        def flow(): one()
    """).pipeline()
    with pytest.raises(InvalidInput, match="no validation"):
        run_pipeline(pipeline, {}, in_process=True, waivers=[ANN])


@pytest.mark.parametrize("name", ["missing_column:x", " type:x"])
def test_shapes_cannot_be_let_pass(name):
    """What no step could read is refused at once, with what can be done instead."""
    with pytest.raises(InvalidInput, match=r"cannot be let pass.*rename= in hr.ingest.*schemas accept RUN --allow"):
        check_waivers([name], "Ann", "it will do")
