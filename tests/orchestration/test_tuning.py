"""Tuning in a pipeline: a step with two outputs, cached like any other, whose best trainer is trained."""

import json

import pytest

from headrace.errors import HeadraceError
from headrace.orchestration.runner import run_pipeline
from headrace.store import Store
from tests.orchestration.small import FLOW, Months, month, states

TUNED = FLOW.replace(
    "model = hr.train(hr.XGBoost(n_estimators=trees, max_depth=2), graph, examples)",
    "tuned = hr.tune(hr.XGBoost(n_estimators=trees, max_depth=2), graph, examples, trials=3,\n"
    '            space={"learning_rate": hr.Float(0.05, 0.5, log=True), "reg_lambda": hr.Choice(0.0, 1.0)})\n'
    "        model = hr.train(tuned.best, graph, examples)",
)


@pytest.fixture
def tuned(project):
    """The pipeline of `small` with a search before its training, and three months."""
    assert TUNED != FLOW
    made = Months(project)
    project.write(TUNED)
    for number in (1, 2, 3):
        made.deliver(str(number), month(number))
    return made


def test_the_best_trainer_is_trained(tuned):
    """The model's signature holds the best trial's values; the search's summary is the step's result."""
    result = tuned.run()
    assert result.ok, {name: step.reason for name, step in result.steps.items()}
    found = result.value("tune")
    assert result.value("tune", "best") == found.best
    assert result.value("train").signature.trainer["learning_rate"] == found.best_params["learning_rate"]
    assert found.best.max_depth == 2 and found.best.n_estimators == 4
    said = result.steps["tune"].result["tuned"]
    assert said["best_value"] == found.best_value and said["num_trials"] == 3
    json.dumps(result.to_plain())


def test_it_is_cached_and_its_digest_is_its_content(tuned, tmp_path):
    """Run again, nothing is done; in a store of its own, the same digests come out."""
    first = tuned.run()
    again = tuned.run()
    assert states(again)["tune"] == states(again)["train"] == "cached"
    with Store.open(first.home) as store:
        (study,) = store.studies()
        assert len(store.trials(study.name)) == 3
    first.home.rename(tmp_path / "aside")
    fresh = tuned.run()
    assert states(fresh)["tune"] == "succeeded"
    assert fresh.steps["tune"].outputs == first.steps["tune"].outputs
    assert fresh.steps["train"].outputs == first.steps["train"].outputs


@pytest.mark.slow
def test_in_a_process_of_its_own(tuned):
    """As `headrace run` does it: forked from the zygote, its workers from its own foreman."""
    result = run_pipeline(tuned.project.pipeline(), {})
    assert result.ok, {name: step.reason for name, step in result.steps.items()}


def test_what_the_plan_says_of_a_wrong_search(project):
    """A space that is none, a searcher that does not exist, an output that there is not: at the user's line."""
    for line, said in (
        ("hr.tune(hr.XGBoost(), graph, data, space={'max_depth': (2, 10)})", r"says no range of values .*line \d"),
        ("hr.tune(hr.XGBoost(), graph, data, space={'max_dpeth': hr.Int(2, 9)})", r"did you mean 'max_depth'"),
        ("hr.tune(hr.XGBoost(), graph, data, searcher='optnua')", r"did you mean 'optuna'"),
        ("hr.tune(hr.XGBoost(), graph, data, stopping='meidan')", r"did you mean 'median'"),
        ("hr.tune(hr.XGBoost(), graph, data, metric='roc_acu')", r"did you mean 'roc_auc'"),
        ("hr.tune(hr.XGBoost, graph, data)", r"trainer of hr.tune is the class XGBoost .*call it"),
        ("hr.tune(hr.XGBoost(), graph, data, trails=3)", r"'trails' .*did you mean 'trials'"),
        ("hr.train(hr.tune(hr.XGBoost(), graph, data), graph, data)", r"is a tuning .*\.best is the trainer"),
        ("hr.tune(hr.XGBoost(), graph, data).bets", r"no output 'bets' .*\.tuning, \.best"),
    ):
        project.write(
            f"""
            @hr.pipeline
            def flow():
                data = hr.ingest("data/*.parquet", label="y")
                graph = hr.transform(lambda x: {{"a": x.a}}, data)
                {line}
            """
        )
        with pytest.raises(Exception, match=said) as caught:
            project.pipeline().plan()
        assert isinstance(caught.value, HeadraceError)
