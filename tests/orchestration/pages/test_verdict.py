"""The page of a verdict: what stands in the way first, and how near everything else was."""

import pytest

import headrace as hr
from headrace.orchestration.headlines import margin
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
