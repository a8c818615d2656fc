"""Conditions: what they leave out is skipped, which is no failure; what they choose is passed on as it is."""

import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.evaluation import evaluate_predictions
from headrace.orchestration.conditions import judge_condition
from headrace.orchestration.explaining import explain
from headrace.orchestration.external import begin_run, end_run, run_step
from headrace.orchestration.runner import run_pipeline
from headrace.settings import load_settings
from headrace.store import Store

FLOW = """
    @hr.step
    def count(n: int) -> dict:
        return {"rows": n, "what": "apples"}

    @hr.step
    def grow(found: dict, by: int) -> int:
        return found["rows"] * by

    @hr.step
    def tell(value: int) -> str:
        return f"it is {value}"

    @hr.pipeline
    def flow(n: int = 5):
        found = count(n)
        many = hr.when(found, "rows >= 10", then=found)
        few = hr.when(found, "rows < 10", then=found)
        large, small = grow(many, 100), grow(few, 2)
        tell(hr.when(found, "rows >= 10", then=large, otherwise=small))
        tell(tell_length(large))

    @hr.step
    def tell_length(value: int) -> int:
        return value
"""


def run(pipeline, **parameters):
    """Run it in this process."""
    return run_pipeline(pipeline, parameters, in_process=True)


def states(result):
    """Step -> state."""
    return {name: step.state for name, step in result.steps.items()}


def test_what_is_left_out_is_skipped_and_the_run_succeeds(project):
    """Skips cascade to all that needs them; where two alternatives meet, the one that is there goes on."""
    pipeline = project.write(FLOW).pipeline()
    result = run(pipeline)
    assert (result.state, result.ok) == ("succeeded", True)
    assert states(result) == {
        "count": "succeeded",
        "when": "succeeded",
        "when_2": "succeeded",
        "grow": "skipped",
        "grow_2": "succeeded",
        "when_3": "succeeded",
        "tell": "succeeded",
        "tell_length": "skipped",
        "tell_2": "skipped",
    }
    assert result.value("tell") == "it is 10"
    assert result.steps["grow"].reason == "rows >= 10: 5: does not hold"
    assert result.steps["tell_2"].reason == "tell_length is skipped"
    assert result.steps["when_3"].outputs == {"chosen": result.steps["grow_2"].outputs["output"]}
    again = run(pipeline)
    assert set(states(again).values()) == {"cached", "skipped"} and again.ok
    assert [item.outputs for item in again.steps.values()] == [item.outputs for item in result.steps.values()]
    other = run(pipeline, n=12)
    assert other.value("tell") == "it is 1200" and other.value("tell_2") == "it is 1200"
    assert states(other)["grow_2"] == "skipped" and other.ok


def test_a_skip_is_explained_and_planned(project):
    """`explain` and `plan` say what left a step out."""
    pipeline = project.write(FLOW).pipeline()
    result = run(pipeline)
    with Store.open(load_settings(project.folder).home, read_only=True) as store:
        assert explain(store, store.run(result.run_id), "grow").why == "skipped: rows >= 10: 5: does not hold"
    plan = {step.name: (step.action, step.why) for step in pipeline.plan().steps}
    assert plan["grow"] == ("skipped", ("when leaves it out",))
    assert plan["tell_2"][0] == "skipped" and plan["tell"][0] == "cached"
    assert {step.name: step.action for step in pipeline.plan(n=99).steps}["grow"] == "will run"


def test_a_no_before_a_condition_still_blocks(project):
    """An alternative that failed is no alternative that was skipped: what meets there is blocked."""
    pipeline = project.write(FLOW.replace('return found["rows"] * by', 'return found["nothing"]')).pipeline()
    result = run(pipeline)
    assert result.state == "failed"
    assert [states(result)[name] for name in ("grow", "grow_2", "when_3", "tell")] == [
        "skipped",
        "failed",
        "blocked",
        "blocked",
    ]


def test_pieces_of_a_run_know_what_was_skipped(project):
    """Steps that another orchestrator starts one by one: the skipped ones are done, and the run succeeds."""
    pipeline = project.write(FLOW).pipeline()
    settings = load_settings(project.folder)
    with Store.open(settings.home) as store:
        run_id = begin_run(pipeline, {}, "monday", store)
        for step in (node.name for node in pipeline.trace().nodes):
            assert run_step(run_id, step, store, settings, project.folder).state == "succeeded", step
        ended = end_run(run_id, store, settings, project.folder)
        assert ended.state == "succeeded"
        assert states(ended)["grow"] == states(ended)["tell_2"] == "skipped"


TABLE = pa.table({"y": [1, 0, 1, 0, 1], "p": [0.9, 0.2, 0.7, 0.8, 0.6], "c": ["a", "a", "b", "b", "b"]})


def test_figures_of_every_kind():
    """Metrics by slice as in a gate, rows and spans of data, findings of a verdict, and plain numbers."""
    found = evaluate_predictions(TABLE, label="y", prediction="p", metrics=["accuracy"], slices=["c"])
    value = found["accuracy"].value
    assert judge_condition(found, f"accuracy >= {value} by value").holds
    assert not judge_condition(found, f"accuracy > {value} by value").holds
    assert judge_condition(found, "accuracy >= 0.6 on every c by value").said.endswith("(c=b)") is not None
    assert not judge_condition(found, "accuracy >= 0.1 on every c with 100 rows").holds  # nothing was judged
    data = hr.Dataset.from_arrow(TABLE, label="y")
    assert judge_condition(data, "rows >= 5").holds and not judge_condition(data, "rows > 5").holds
    assert judge_condition(data, "spans <= 1").holds
    statistics = hr.analyze(data)
    assert judge_condition(statistics, "rows >= 5").holds
    validation = hr.validate(data, hr.infer_schema(statistics))
    assert judge_condition(validation, "errors <= 0").holds
    verdict = hr.gate(None, found, rules=["accuracy >= 0.99"])
    assert judge_condition(verdict, "refused >= 1").holds
    assert judge_condition(3, "value >= 3").holds and not judge_condition(float("nan"), "value >= 3").holds
    assert judge_condition({"a": 1, "b": "x"}, "a <= 1").holds


def test_wrong_conditions_are_refused():
    """A figure that is not there, a thing without figures, a rule that cannot be read."""
    with pytest.raises(UnknownName, match=r"no figure named 'row'.*did you mean 'rows'"):
        judge_condition({"rows": 3}, "row >= 1")
    with pytest.raises(InvalidInput, match="cannot judge str 'text'"):
        judge_condition("text", "rows >= 1")
    with pytest.raises(InvalidInput, match="rows is good"):
        judge_condition({"rows": 3}, "rows is good")


def test_outside_a_pipeline_it_chooses():
    """`then`, `otherwise`, or None."""
    assert hr.when(3, "value >= 3", then="a", otherwise="b") == "a"
    assert hr.when(2, "value >= 3", then="a", otherwise="b") == "b"
    assert hr.when(2, "value >= 3", then="a") is None


@hr.pipeline
def wrong(case: str):
    """One wrong use, by name."""
    data = hr.ingest("data.csv", label="y")
    statistics = hr.analyze(data)
    if case == "kinds":
        hr.when(data, "rows >= 3", then=data, otherwise=statistics)
    elif case == "plain":
        hr.when(data, "rows >= 3", then=3)
    elif case == "figure":
        hr.when(data, "rowz >= 3", then=data)
    elif case == "rule":
        hr.when(data, "rows => 3", then=data)
    elif case == "champion":
        hr.when(statistics, "rows >= champion", then=data)
    elif case == "schema":
        hr.when(hr.infer_schema(statistics), "rows >= 1", then=data)


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("kinds", Misuse, "otherwise of hr.when is statistics .analyze.statistics.*a data set, as then is"),
        ("plain", Misuse, "then of hr.when is an int"),
        ("figure", UnknownName, "no figure of a data set named 'rowz'.*did you mean 'rows'"),
        ("rule", InvalidInput, "=>"),
        ("champion", InvalidInput, "only an evaluation knows another model"),
        ("schema", Misuse, "figures of hr.when is a schema"),
    ],
)
def test_wrong_uses_are_told_while_tracing(case, error, message):
    """Before anything runs, at the user's line."""
    with pytest.raises(error, match=message) as told:
        wrong.trace(case=case)
    assert "test_conditions.py, line" in str(told.value)
