"""Verbs: eager outside a pipeline, recorded inside one, looked up where the store has to answer."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse, NotAccepted
from headrace.orchestration.digests import store_digests
from headrace.orchestration.verbs import VERBS
from headrace.settings import load_settings
from headrace.store import Store

FLIGHTS = """
    from headrace import ops

    def features(x):
        return {"x": ops.z_score(x.x), "carrier": ops.vocabulary(x.carrier, top_k=50)}

    @hr.pipeline
    def flights(least: float = 0.5, span: str = "last 6"):
        raw = hr.ingest("data/{span}.parquet", spans=span, label="late", key=["id"], split={"train": 8, "eval": 2})
        schema = hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw)))
        examples = hr.validate(raw, schema, previous=hr.previous(raw)).accepted
        graph = hr.transform(features, examples)
        model = hr.train(hr.XGBoost(n_estimators=3, max_depth=2), graph, examples)
        report = hr.evaluate(
            model, examples, champion=hr.champion("late"), slices=["carrier"],
            metrics=["roc_auc", hr.CostWeightedError(fp=1, fn=5)],
        )
        verdict = hr.gate(model, report, rules=[f"roc_auc >= {least}"])
        hr.push(model, verdict, endpoint="late")
"""


def month(number, rows=300):
    """A month of made-up flights, nulls included."""
    random = np.random.default_rng(number)
    x = random.normal(size=rows)
    return pa.table(
        {
            "id": pa.array(np.arange(number * rows, (number + 1) * rows)),
            "x": pa.array(x, mask=random.random(rows) < 0.05),
            "carrier": pa.array(random.choice(["AA", "DL", "UA"], rows)),
            "late": pa.array(x + random.normal(size=rows) > 0, mask=random.random(rows) < 0.02),
        }
    )


def arrive(project, numbers):
    """Let months arrive."""
    folder = project.folder / "data"
    folder.mkdir(exist_ok=True)
    for number in numbers:
        pq.write_table(month(number), folder / f"2013-{number:02d}.parquet")


def states(result):
    """Step -> state."""
    return {name: step.state for name, step in result.steps.items()}


def opened(project):
    """The project's store."""
    return Store.open(load_settings(project.folder).home)


@pytest.mark.slow
def test_the_whole_pipeline(project):
    """Every verb runs as a step; the second run is all cached and makes the same, and serves the same version."""
    arrive(project, [1, 2])
    pipeline = project.write(FLIGHTS).pipeline()
    first = pipeline.run()
    assert first.ok, [(step.name, step.reason) for step in first.steps.values() if step.reason]
    with opened(project) as store:
        digest = store_digests(store)
        second = pipeline.run()
        assert set(states(second).values()) == {"cached", "looked up"}
        assert store_digests(store) == digest
        assert store.endpoint("late").version == 1
    assert first.endpoints == {"late": [1]}
    assert first.value("push") == 1
    assert first.steps["load_schema"].outputs["schema"] == first.steps["infer_schema"].outputs["schema"]
    assert first.steps["previous"].outputs == {"dataset": None}
    assert first.steps["champion"].outputs == {"model": None}
    ingested = first.steps["ingest"].result
    assert (ingested["num_rows"], ingested["spans"]) == (600, ["2013-01", "2013-02"])
    assert ingested["num_unlabelled"] == first.value("validate").num_unlabelled > 0
    assert first.steps["evaluate"].result["num_slices"] == 3

    # A month arrives: only it is read, and what was accepted and served before is looked up.
    arrive(project, [3])
    third = pipeline.run()
    assert third.ok
    assert states(third)["ingest[2013-01]"] == "cached"
    assert states(third)["ingest[2013-03]"] == "succeeded"
    assert third.steps["previous"].outputs == {"dataset": first.steps["validate"].outputs["accepted"]}
    assert third.steps["champion"].outputs == {"model": first.steps["train"].outputs["model"]}
    assert third.steps["load_schema"].outputs == first.steps["load_schema"].outputs
    assert third.value("push") == 2
    assert set(states(pipeline.run()).values()) == {"cached", "looked up"}


@pytest.mark.slow
def test_a_gate_that_says_no(project, capfd):
    """A no is committed and cached; push is blocked, the state is rejected, and nothing is served."""
    arrive(project, [1])
    pipeline = project.write(FLIGHTS).pipeline()
    result = pipeline.run(least=0.999)
    assert (result.ok, result.state) == (False, "rejected")
    assert (states(result)["gate"], states(result)["push"]) == ("succeeded", "blocked")
    assert result.steps["push"].reason == "gate said no"
    assert result.steps["gate"].says_no and result.value("gate").ok is False
    assert "gate: no" in capfd.readouterr().err
    again = pipeline.run(least=0.999)
    assert (states(again)["gate"], again.state) == ("cached", "rejected")
    with opened(project) as store:
        assert store.endpoint("late") is None
        assert [run.state for run in store.runs()] == ["rejected", "rejected"]


def test_a_validation_that_says_no(project):
    """What was not accepted does not exist for what comes after; what needs only the raw data runs."""
    arrive(project, [1])
    (project.folder / "schema.yaml").write_text(
        "format: 1\nfeatures:\n  - {name: id, kind: integer}\n  - {name: nowhere, kind: text, min_present: 1.0}\n"
    )
    pipeline = project.write("""
        @hr.step
        def count(data) -> int: return data.num_rows
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/{span}.parquet", label="late", key=["id"])
            checked = hr.validate(raw, hr.load_schema("schema.yaml"))
            count(raw)
            count(checked.accepted)
    """).pipeline()
    result = pipeline.run()
    assert result.state == "rejected"
    assert states(result) == {
        "ingest[2013-01]": "succeeded",
        "ingest": "succeeded",
        "load_schema": "succeeded",
        "validate": "succeeded",
        "count": "succeeded",
        "count_2": "blocked",
    }
    assert list(result.steps["validate"].outputs) == ["validation"]
    assert any("nowhere" in item for item in result.steps["validate"].result["items"])
    with pytest.raises(NotAccepted):
        _ = result.value("validate").accepted


def test_quarantine_is_an_output(project):
    """With quarantine the rows at fault are an output of their own, and the rest is accepted."""
    arrive(project, [1])
    (project.folder / "schema.yaml").write_text(
        "format: 1\nfeatures:\n  - {name: id, kind: integer}\n  - {name: x, kind: number}\n"
        "  - {name: carrier, kind: text, domain: [AA, DL]}\n  - {name: late, kind: boolean}\n"
    )
    pipeline = project.write("""
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/{span}.parquet", label="late", key=["id"])
            hr.validate(raw, hr.load_schema("schema.yaml"), quarantine=True)
    """).pipeline()
    result = pipeline.run()
    assert result.ok
    kept, aside = (result.value("validate", name).num_rows for name in ("accepted", "quarantined"))
    assert (kept + aside, aside > 50) == (300, True)


def test_verbs_work_without_a_pipeline():
    """Called eagerly, a verb is its room's function: no store, no step."""
    data = hr.Dataset.from_arrow(month(1), label="late", key=["id"])
    statistics = hr.analyze(data)
    assert statistics["x"].num_missing > 0
    checked = hr.validate(data, hr.infer_schema(statistics))
    assert checked.accepted.num_rows == 300


def test_verbs_that_need_a_store_say_so(tmp_path):
    """`push`, `previous` and `champion` outside a pipeline work in an open store, and otherwise name the line."""
    data = hr.Dataset.from_arrow(month(1), key=["id"])
    for call, name in (
        (lambda: hr.champion("late"), "champion"),
        (lambda: hr.previous(data), "previous"),
        (lambda: hr.push(None, None, endpoint="late"), "push"),
    ):
        with pytest.raises(Misuse, match=rf"with hr\.open_store\(dir\): hr\.{name}"):
            call()
    with hr.open_store(tmp_path):
        assert hr.champion("late") is None
        assert hr.previous(data) is None


def test_a_schema_file_or_otherwise(tmp_path):
    """Eagerly `load_schema` is the file, else `otherwise`, else an error."""
    schema = hr.Schema()
    assert hr.load_schema(tmp_path / "schema.yaml", otherwise=schema) is schema
    with pytest.raises(InvalidInput, match="no schema file"):
        hr.load_schema(tmp_path / "schema.yaml")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("hr.analyze(3)", "dataset of hr.analyze is an int, not a handle"),
        ("hr.validate(raw, raw)", r"schema of hr.validate is a data set \(ingest.dataset\).*expected a schema"),
        ("hr.analyze(raw, engine=object())", "takes no engine"),
        ("hr.analyze()", r"hr.analyze\(\) lacks dataset"),
        ("hr.train(open, hr.transform(lambda x: {'a': x.x}, raw), raw)", "function open.*or hr.XGBoost"),
        (
            "hr.train(estimator(), hr.transform(lambda x: {'a': x.x}, raw), raw)",
            r"hr.Sklearn\(Ridge\(...\)\) makes it one",
        ),
        ("if hr.validate(raw, hr.load_schema('s.yaml')).ok: pass", "no output 'ok'"),
        ("hr.transform(lambda x: {'a': x.x if x.x else 1}, raw)", "line"),
    ],
)
def test_mistakes_have_a_line(project, body, message):
    """A verb used in a way it cannot mean is a Misuse at the user's line, before anything runs."""
    project.write(f"""
        def estimator():
            from sklearn.linear_model import Ridge

            return Ridge()

        @hr.pipeline
        def flow():
            raw = hr.ingest("data/*.parquet", key=["id"])
            {body}
    """)
    with pytest.raises(Misuse, match=message) as caught:
        project.pipeline().trace()
    assert project.line(body) in str(caught.value)


def test_lines_of_features_are_in_no_key(project):
    """Moving a feature function to other lines changes nothing that a key counts."""
    source = """
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/*.parquet", key=["id"])
            hr.transform(lambda x: {"a": x.x + 1}, raw)
    """
    first = project.write(source).pipeline().trace()
    second = project.write("\n\n" + source).pipeline().trace()
    assert first["transform"].arguments == second["transform"].arguments
    assert first["transform"].notes != second["transform"].notes


def test_missing_data_and_schema(project):
    """Data that is not there, or a schema that nobody wrote, are told when the run is planned."""
    pipeline = project.write("""
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/{span}.parquet")
            hr.validate(raw, hr.load_schema("schema.yaml"))
    """).pipeline()
    with pytest.raises(InvalidInput, match="no file found"):
        pipeline.run()
    arrive(project, [1])
    with pytest.raises(InvalidInput, match=r"no schema file 'schema\.yaml'.*otherwise"):
        pipeline.run()


def test_the_table_is_whole():
    """Every verb of the public surface is in the table, and its target exists."""
    for name, verb in VERBS.items():
        assert callable(verb.load()), name
        assert getattr(hr, name).__doc__


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("0.3", r"split is 0\.3.*expected weights by name"),
        ("{'train': 7, 'test': 3}", r"'eval', and ingest makes 'train' and 'test' alone.*splits named train and eval"),
    ],
)
def test_a_split_that_cannot_be_evaluated_is_refused(project, split, message):
    """A split without names, or without an eval where one is measured, is told while the pipeline is traced."""
    project.write(f"""
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/*.parquet", label="late", split={split})
            examples = hr.validate(raw, hr.infer_schema(hr.analyze(raw))).accepted
            model = hr.train(hr.XGBoost(), hr.transform(lambda x: {{"x": x.x}}, examples), examples)
            hr.evaluate(model, examples, metrics=["roc_auc"])
    """)
    with pytest.raises(ValueError if "eval" in message else TypeError, match=message) as caught:
        project.pipeline().trace()
    assert ", line " in str(caught.value)


def test_a_label_of_texts_needs_its_positive_value(project):
    """A label of two texts is refused when the data come in, not after they were analysed and fitted.

    Of three texts and more it is classes, which need no such value.
    """
    arrive(project, [1])
    file = project.folder / "data" / "2013-01.parquet"
    whole = pq.read_table(file)
    pq.write_table(whole.filter(pc.not_equal(whole["carrier"], "UA")), file)
    pipeline = project.write("""
        @hr.pipeline
        def flow():
            raw = hr.ingest("data/{span}.parquet", label="carrier", split={"train": 8, "eval": 2})
            hr.train(hr.XGBoost(), hr.transform(lambda x: {"x": x.x}, raw), raw)
    """).pipeline()
    result = pipeline.run()
    assert result.steps["ingest"].state == "failed" and 'positive="' in result.steps["ingest"].reason
    assert result.steps["transform"].state in ("blocked", "not run")
    pq.write_table(whole, file)
    assert pipeline.run().steps["train"].state == "succeeded"
