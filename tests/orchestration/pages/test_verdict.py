"""The page of a verdict: what stands in the way first, and how near everything else was."""

from dataclasses import replace

import pytest

import headrace as hr
from headrace.orchestration.headlines import margin
from headrace.rules import Finding
from tests.orchestration.pages.conftest import page
from tests.report.looked_at import check_page


def test_a_no_says_which_rule_and_by_how_much(nouns):
    """The rule that does not hold comes first, with a negative margin; the headline has value and limit."""
    root = check_page(page("verdict", nouns["verdict"]))
    headline = next(root.all("h1")).text
    assert headline.startswith("The model may not be pushed: roc_auc is ") and headline.endswith("the limit 0.999")
    first = next(root.all("article"))
    assert "is-bad" in first.classes and "roc_auc >= 0.999" in first.text and "does not hold" in first.text
    values = [cell.attributes["data-value"] for cell in first.all("td") if "data-value" in cell.attributes]
    assert float(values[-1]) < 0


def test_a_yes_says_what_was_nearest(nouns):
    """All rules hold: the second sentence names the least margin."""
    verdict = hr.gate(nouns["model"], nouns["evaluation"], rules=["roc_auc >= 0.5", "log_loss <= 9"])
    root = check_page(page("verdict", verdict))
    assert next(root.all("h1")).text == "The model may be pushed: both rules hold"
    assert "Nearest to its limit: roc_auc" in root.text


def test_what_is_not_sure_enough_is_told_so(nouns):
    """A value on the right side whose interval reaches over the limit: its ends are drawn and told."""
    evaluation = nouns["evaluation"]
    found = evaluation["roc_auc"]
    between = (found.lower + found.value) / 2.0
    root = check_page(page("verdict", hr.gate(None, evaluation, rules=[f"roc_auc >= {between}", "roc_auc > 0.2"])))
    assert "not surely beyond the limit" in next(root.all("h1")).text
    first = next(root.all("article"))
    assert "not sure enough" in first.text and "95 % interval" in first.text
    assert f"{found.lower:.4g} to {found.upper:.4g}" in first.text


def test_no_rules_is_a_no(nouns):
    """Nothing was judged: said so, without a drawing."""
    root = check_page(page("verdict", hr.gate(None, nouns["evaluation"], rules=[])))
    assert next(root.all("h1")).text.startswith("Refused")
    assert "nothing was judged" in root.text


@pytest.mark.parametrize(
    ("rule", "sign"), [("roc_auc >= 0.5", 1), ("roc_auc >= 0.9999", -1), ("log_loss <= 9", 1), ("log_loss < 0.001", -1)]
)
def test_the_margin_is_positive_on_the_right_side(nouns, rule, sign):
    """Whichever way is up."""
    (finding,) = hr.gate(None, nouns["evaluation"], rules=[rule]).findings
    assert margin(finding) * sign > 0


def test_what_was_measured_stands_beside_what_is_allowed(nouns):
    """Limits have a part of their own; it comes first where one is not kept, with the figures of both models."""
    kept = hr.gate(nouns["model"], nouns["evaluation"], rules=["roc_auc >= 0.5"])
    memory = Finding(
        "memory_mb <= 512", "memory_mb", "", 180.5, None, 512.0, 0, ok=True, reason="within", is_limit=True
    )
    first = Finding(
        *("latency_ratio <= 5", "latency_ratio", "", None, None, 5.0, 0),
        ok=True,
        reason="first version",
        is_judged=False,
        is_limit=True,
    )
    took = {"latency_us": 20.0, "champion_us": 19.0, "batch_us": 900.0, "champion_batch_us": 800.0}
    verdict = replace(kept, findings=(*kept.findings, memory, first), measured={"memory_mb": 180.5, **took})
    root = check_page(page("verdict", verdict))
    assert next(root.all("h1")).text == "The model may be pushed: the rule holds, and it is safe to serve"
    assert "memory_mb <= 512" in root.text and "180" in root.text and "first version" in root.text
    assert "One row took 20 us of processor time, the champion's 19" in root.text

    wrong = replace(memory, measured=600.0, ok=False, reason="it takes more memory than is allowed")
    root = check_page(page("verdict", replace(verdict, ok=False, findings=(*kept.findings, wrong, first))))
    assert next(root.all("h1")).text == "The model may not be pushed: memory_mb is 600, the limit 512"
    loads = Finding("loads", "loads", "", None, None, None, 1, ok=False, reason="loading it: stopped", is_limit=True)
    root = check_page(page("verdict", replace(verdict, ok=False, findings=(*kept.findings, loads, wrong))))
    assert next(root.all("h1")).text == "The model may not be pushed: it is not safe to serve"
    refused = tuple(replace(one, ok=False) for one in kept.findings)
    root = check_page(page("verdict", replace(verdict, ok=False, findings=(*refused, loads))))
    assert next(root.all("h1")).text.endswith("1 value does not keep the rules, and it is not safe to serve")
