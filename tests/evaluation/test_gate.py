"""gate: rules on real evaluations, failing closed."""

from __future__ import annotations

import pytest

from headrace.errors import InvalidInput
from headrace.evaluation import evaluate, evaluate_predictions, gate
from headrace.rules import Verdict, parse_rule

RULES = ["roc_auc >= 0.7", "roc_auc >= champion - 0.02 on every carrier with 20 rows"]


@pytest.fixture
def model(make_model):
    """The candidate."""
    return make_model()


def test_a_good_model_passes_and_a_bad_one_does_not(model, make_model, dataset, tmp_path):
    """The verdict is yes for a model that keeps its rules, no for one that ranks backwards, and reads back."""
    champion = make_model(0.5)
    report = evaluate(model, dataset, metrics=["roc_auc"], slices=["carrier"], champion=champion)
    verdict = gate(model, report, rules=RULES)
    assert verdict.ok
    assert verdict.model_digest == model.digest
    assert verdict.evaluation_digest == report.digest
    assert verdict.rules == tuple(str(parse_rule(rule)) for rule in RULES)
    assert {finding.slice for finding in verdict.findings} >= {"overall", 'carrier="New York"', "carrier=null"}
    verdict.save(tmp_path)
    assert Verdict.load(tmp_path) == verdict

    bad = make_model(-1.0)
    refused = gate(bad, evaluate(bad, dataset, metrics=["roc_auc"], slices=["carrier"], champion=model), rules=RULES)
    assert not refused.ok
    assert all(not finding.ok for finding in refused.findings)
    assert "overall: 0." in refused.findings[0].message


@pytest.mark.parametrize(
    ("rules", "ok"),
    [
        (["roc_auc >= baseline + 0.2"], True),
        (["roc_auc >= baseline + 0.5"], False),
        (["brier <= baseline * 0.9"], True),
        (["brier <= baseline on every carrier"], True),
        (["roc_auc >= 0.6 on worst carrier"], True),
        (['roc_auc >= 0.6 on carrier="New York"'], True),
        (["roc_auc >= 0.6 on carrier=null"], True),
        (['roc_auc >= 0.6 on carrier="null"'], False),
        (["roc_auc >= 0.6 on hour=6"], True),
        (["roc_auc >= 0.6 on hour=4"], False),
        (["roc_auc >= 0.6 on is_night=true"], True),
        (["roc_auc >= 0.6 on moment=1970-01-01T01:00:00Z"], True),
        (["roc_auc >= 0.1 on every dest"], False),
        (["f1 >= 0.1"], False),
        (["roc_auc >= champion"], False),
        (["roc_auc >= champion", "roc_auc >= 0.6"], True),
        ([], False),
        ("roc_auc >= 0.6", True),
        ([parse_rule("roc_auc >= 0.6")], True),
    ],
)
def test_rules_on_a_real_evaluation(model, dataset, rules, ok):
    """Slices of every kind are found by the text of a rule; what is odd is not ok."""
    slices = ["carrier", "hour", "is_night", "moment"]
    report = evaluate(model, dataset, metrics=["roc_auc", "brier"], slices=slices)
    assert gate(model, report, rules=rules).ok == ok


def test_predictions_alone_can_be_judged_and_push_nothing(table):
    """Without a model a verdict is of no model."""
    report = evaluate_predictions(table, label="y", prediction="x", metrics=["roc_auc"])
    verdict = gate(None, report, rules=["roc_auc >= 0.6"])
    assert verdict.ok
    assert verdict.model_digest is None


def test_the_evaluation_must_be_of_the_model(model, make_model, dataset, table):
    """A verdict on one model cannot be had from the evaluation of another, or of none."""
    with pytest.raises(InvalidInput, match="of another model"):
        gate(make_model(0.5), evaluate(model, dataset, metrics=["roc_auc"]), rules=["roc_auc >= 0.1"])
    alone = evaluate_predictions(table, label="y", prediction="x", metrics=["roc_auc"])
    with pytest.raises(InvalidInput, match="of no model"):
        gate(model, alone, rules=["roc_auc >= 0.1"])


def test_a_rule_that_cannot_be_read_is_an_error(model, dataset):
    """A typo in a rule stops the gate at the character, before anything is judged."""
    report = evaluate(model, dataset, metrics=["roc_auc"])
    with pytest.raises(InvalidInput, match="character 9"):
        gate(model, report, rules=["roc_auc => 0.1"])
    with pytest.raises(InvalidInput, match="limits"):
        gate(model, report, rules=["roc_auc >= 0.1"], limits={"memory_mb": 512})
