"""Headlines: a run says how good its model is, beside the champion, and how near each rule was."""

import math

from headrace.orchestration.headlines import better, figures_of, headlines, rules_result, summary_of
from headrace.rules import Measurements, Value, parse_rule
from headrace.rules._judge import judge_all

MEASURED = {
    "metrics": {"log_loss": 0.2, "roc_auc": 0.97, "share": 0.5},
    "champion": {"log_loss": 0.1, "roc_auc": 0.96, "share": 0.5},
    "higher_is_better": {"log_loss": False, "roc_auc": True},
    "num_rows": 9,
}


class Judged:
    """A verdict's findings, as the gate orders them."""

    def __init__(self, *rules: str) -> None:
        values = {(): {"roc_auc": Value(0.9, 50)}, (("sex", "f"),): {"roc_auc": Value(0.8, 3)}}
        self.findings = judge_all([parse_rule(rule) for rule in rules], Measurements(values))


def test_a_champion_stands_beside_what_was_measured():
    """Better and worse follow the metric's own direction; without one nothing is claimed."""
    assert headlines("evaluate", MEASURED) == [
        "log_loss  0.2    champion 0.1, worse",
        "roc_auc   0.97   champion 0.96, better",
        "share     0.5    champion 0.5",
    ]
    assert summary_of(MEASURED) == "log_loss 0.2 (champion 0.1, worse), roc_auc 0.97 (champion 0.96, better), share 0.5"


def test_what_cannot_be_compared_is_not():
    """No champion, and a value that is not a number, give the value alone."""
    alone = {"metrics": {"roc_auc": math.nan}, "champion": None, "higher_is_better": {"roc_auc": True}}
    assert headlines("evaluate", alone) == ["roc_auc  nan"] and better("roc_auc", alone) == ""
    assert headlines("train", {"rows_read": 9}) == [] and figures_of({"rows_read": 9}) == {}


def test_each_rule_is_told_with_its_margin():
    """What is not kept comes first; what was not judged says why."""
    rules = ("roc_auc >= 0.85", "roc_auc <= 0.8", "roc_auc >= 0.7 on every sex with 20 rows")
    result = {"rules": rules_result(Judged(*rules))}
    told = headlines("gate", result)
    assert told[0] == "no: roc_auc <= 0.8: 0.9, margin -0.1"
    assert "yes: roc_auc >= 0.85: 0.9, margin +0.05" in told
    assert (
        "not judged: roc_auc >= 0.7 on every sex with 20 rows (sex=f): 3 rows, under 20: reported, not judged" in told
    )


def test_intervals_are_told():
    """Beside the value; and a value that would do, but not for sure, is refused in words and not by its margin."""
    measured = {**MEASURED, "intervals": {"roc_auc": [0.951, 0.983]}}
    assert "roc_auc   0.97 (0.951 to 0.983)   champion 0.96, better" in headlines("evaluate", measured)
    value = Value.measured(
        0.9, 50, std_error=0.04, support=50, limits=(0.0, 1.0), with_champion=None, with_baseline=None
    )
    verdict = Judged()
    verdict.findings = judge_all([parse_rule("roc_auc >= 0.85")], Measurements({(): {"roc_auc": value}}))
    (told,) = headlines("gate", {"rules": rules_result(verdict)})
    assert told.startswith("no: roc_auc >= 0.85: 0.9 is >= 0.85; 95 % interval 0.7944 to")
    assert "not sure enough" in told and "margin +" not in told


def test_many_lines_are_cut_and_say_where_the_rest_is():
    """A run's end stays on the screen."""
    told = headlines("gate", {"rules": rules_result(Judged(*[f"roc_auc >= 0.{n}" for n in range(10, 19)]))})
    assert len(told) == 7 and told[-1] == "and 3 more: headrace show gate"


def test_a_search():
    """Its best value, of how many trials, beside that of the trainer as it was given."""
    result = {
        "tuned": {
            "metric": "roc_auc",
            "best_value": 0.91234,
            "first_value": 0.9,
            "num_trials": 10,
            "num_stopped": 2,
            "num_failed": 1,
        }
    }
    assert headlines("tune", result) == ["roc_auc 0.9123 best of 10 trials, 2 stopped and 1 failed (as given 0.9)"]
    assert summary_of(result) == headlines("tune", result)[0]
    assert figures_of(result) == result
