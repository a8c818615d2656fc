"""The truth table of rules: what is ok, and every odd case, which is not."""

from __future__ import annotations

import math

import pytest

from headrace.rules import Finding, Measurements, Value, judge, judge_all, parse_rule, slice_text

NAN = math.nan
AA, DL, UA, ZZ = ((("carrier", name),) for name in ("AA", "DL", "UA", "ZZ"))
NULL = (("carrier", None),)
CROSS = (("carrier", "AA"), ("origin", "JFK"))


def table(cells):
    """{slice: (auc, rows) or (auc, loss, rows)} as a table of values."""
    made = {}
    for pairs, (auc, *loss, rows) in cells.items():
        made[pairs] = {"roc_auc": Value(auc, rows, reason="one class" if math.isnan(auc) else "")}
        if loss:
            made[pairs]["log_loss"] = Value(loss[0], rows)
    return made


NOW = table(
    {
        (): (0.90, 0.40, 10_000),
        AA: (0.88, 0.45, 5_000),
        DL: (0.80, 0.50, 4_000),
        UA: (0.60, 0.70, 900),
        NULL: (NAN, 0.10, 20),
        CROSS: (0.85, 0.42, 700),
    }
)
BEFORE = table(
    {
        (): (0.91, 0.41, 10_000),
        AA: (0.89, 0.44, 5_000),
        DL: (0.79, 0.52, 4_000),
        UA: (0.65, 0.60, 900),
        NULL: (NAN, 0.12, 20),
        CROSS: (NAN, 0.42, 700),
    }
)
BASE = table(dict.fromkeys(NOW, (0.5, 0.55, 1)))
INFINITE = {(): {"roc_auc": Value(math.inf, 10), "log_loss": Value(-math.inf, 10)}, AA: NOW[AA]}

# rule, is there a champion, ok of judge_all, ok of each finding (None = not judged)
TABLE = [
    # a number, overall
    ("roc_auc >= 0.9", True, True, [True]),
    ("roc_auc > 0.9", True, False, [False]),
    ("roc_auc >= 0.91", True, False, [False]),
    ("roc_auc <= 0.9", True, True, [True]),
    ("roc_auc < 0.9", True, False, [False]),
    ("log_loss <= 0.4", True, True, [True]),
    ("log_loss < 0.39", True, False, [False]),
    ("roc_auc >= 0.8 + 0.1", True, True, [True]),
    ("roc_auc >= 0.8 + 0.11", True, False, [False]),
    ("roc_auc >= 1 * 0.9", True, True, [True]),
    ("roc_auc >= 1 - 0.05", True, False, [False]),
    ("roc_auc >= 0.9 on overall", True, True, [True]),
    ("roc_auc >= 0.9 by value", True, True, [True]),
    ("roc_auc >= 0.9", False, True, [True]),
    # unknown metric, whatever else is right
    ("roc_acu >= 0.1", True, False, [None]),
    ("f1 >= 0.1 on every carrier", True, False, [None]),
    ("f1 >= champion", False, False, [None]),
    # champion, overall
    ("roc_auc >= champion", True, False, [False]),
    ("roc_auc >= champion - 0.02", True, True, [True]),
    ("roc_auc >= champion * 0.99", True, False, [False]),
    ("roc_auc >= champion * 0.98", True, True, [True]),
    ("log_loss <= champion", True, True, [True]),
    ("log_loss < champion - 0.05", True, False, [False]),
    ("log_loss <= champion + 0.01", True, True, [True]),
    # no champion: first version, alone not ok
    ("roc_auc >= champion", False, False, [None]),
    ("roc_auc >= champion - 0.02 on every carrier with 1000 rows", False, False, [None] * 4),
    ("roc_auc >= champion - 0.02 on worst carrier with 900 rows", False, False, [None, None]),
    ("roc_auc >= champion on carrier=ZZ", False, False, [None]),
    # baseline
    ("roc_auc >= baseline + 0.4", True, True, [True]),
    ("roc_auc >= baseline + 0.41", True, False, [False]),
    ("log_loss <= baseline * 0.8", True, True, [True]),
    ("roc_auc >= baseline + 0.3 on every carrier with 1000 rows", False, True, [None, None, True, True]),
    ("roc_auc >= baseline + 0.3 on worst carrier with 100 rows", False, False, [None, False]),
    # every
    ("roc_auc >= 0.8 on every carrier with 1000 rows", True, True, [None, None, True, True]),
    ("roc_auc >= 0.85 on every carrier with 1000 rows", True, False, [None, None, True, False]),
    ("roc_auc >= 0.5 on every carrier with 21 rows", True, True, [None, True, True, True]),
    ("roc_auc >= 0.5 on every carrier with 20 rows", True, False, [True, True, True, False]),
    ("roc_auc >= 0.5 on every carrier", True, False, [True, True, True, False]),
    ("log_loss <= 0.7 on every carrier", True, True, [True, True, True, True]),
    ("log_loss < 0.7 on every carrier", True, False, [True, True, False, True]),
    ("roc_auc >= 0.1 on every carrier with 6000 rows", True, False, [None] * 5),
    ("roc_auc >= 0.1 on every origin", True, False, [None]),
    ("roc_auc >= 0.8 on every carrier,origin", True, True, [True]),
    ("roc_auc >= 0.8 on every origin,carrier", True, True, [True]),
    ("roc_auc >= 0.8 on every carrier,origin with 701 rows", True, False, [None, None]),
    ("roc_auc >= champion on every carrier with 1000 rows", True, False, [None, None, False, True]),
    ("roc_auc >= champion - 0.02 on every carrier with 1000 rows", True, True, [None, None, True, True]),
    ("roc_auc >= champion - 0.02 on every carrier with 100 rows", True, False, [None, True, True, False]),
    ("log_loss <= champion + 0.1 on every carrier", True, True, [True, True, True, True]),
    ("roc_auc >= champion on every carrier,origin", True, False, [False]),
    # worst
    ("roc_auc >= 0.6 on worst carrier with 21 rows", True, True, [None, True]),
    ("roc_auc >= 0.61 on worst carrier with 21 rows", True, False, [None, False]),
    ("roc_auc >= 0.8 on worst carrier with 1000 rows", True, True, [None, None, True]),
    ("roc_auc >= 0.1 on worst carrier", True, False, [False]),
    ("log_loss <= 0.7 on worst carrier", True, True, [True]),
    ("log_loss <= 0.69 on worst carrier", True, False, [False]),
    ("roc_auc <= 0.88 on worst carrier with 1000 rows", True, True, [None, None, True]),
    ("roc_auc >= champion on worst carrier with 1000 rows", True, True, [None, None, True]),
    ("roc_auc >= champion on worst carrier with 100 rows", True, False, [None, False]),
    ("roc_auc >= champion on worst carrier", True, False, [False]),
    ("roc_auc >= 0.1 on worst origin", True, False, [None]),
    ("roc_auc >= 0.1 on worst carrier with 6000 rows", True, False, [None] * 5),
    # a named slice
    ("roc_auc >= 0.88 on carrier=AA", True, True, [True]),
    ("roc_auc >= 0.89 on carrier=AA", True, False, [False]),
    ("roc_auc >= 0.88 on carrier=AA with 5000 rows", True, True, [True]),
    ("roc_auc >= 0.1 on carrier=AA with 5001 rows", True, False, [None, None]),
    ("roc_auc >= 0.1 on carrier=ZZ", True, False, [None]),
    ("roc_auc >= 0.1 on carrier=aa", True, False, [None]),
    ("roc_auc >= 0.1 on carrier=null", True, False, [False]),
    ('roc_auc >= 0.1 on carrier="null"', True, False, [None]),
    ("log_loss <= 0.1 on carrier=null", True, True, [True]),
    ("roc_auc >= 0.1 on carrier=null with 1000 rows", True, False, [None, None]),
    ("roc_auc >= 0.85 on carrier=AA,origin=JFK", True, True, [True]),
    ("roc_auc >= 0.85 on origin=JFK,carrier=AA", True, True, [True]),
    ("roc_auc >= 0.1 on origin=JFK", True, False, [None]),
    ("roc_auc >= champion - 0.01 on carrier=AA", True, True, [True]),
    ("roc_auc >= champion on carrier=AA", True, False, [False]),
    ("roc_auc >= 0.1 on overall with 10001 rows", True, False, [None, None]),
    ("roc_auc >= 0.1 on overall with 10000 rows", True, True, [True]),
]


@pytest.mark.parametrize(("text", "has_champion", "ok", "each"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_truth_table(text, has_champion, ok, each):
    """Each rule alone comes out as this table says, finding by finding."""
    measurements = Measurements(NOW, BEFORE if has_champion else None, BASE)
    findings = judge_all([parse_rule(text)], measurements)
    seen = sorted((finding.ok if finding.is_judged else None for finding in findings), key=str)
    assert seen == sorted(each, key=str)
    assert all(finding.ok for finding in findings) == ok
    assert all(finding.by_value and finding.reason for finding in findings)
    assert {finding.rule for finding in findings} == {str(parse_rule(text))}


CHAMPION_RULE = "roc_auc >= champion - 0.02"
TOGETHER = [
    ([], True, False),
    ([], False, False),
    ([CHAMPION_RULE], False, False),
    ([CHAMPION_RULE, "roc_auc >= 0.85"], False, True),
    (["roc_auc >= 0.85", CHAMPION_RULE], False, True),
    ([CHAMPION_RULE, "roc_auc >= 0.95"], False, False),
    ([CHAMPION_RULE, "roc_auc >= baseline"], False, True),
    ([CHAMPION_RULE, "log_loss <= champion"], False, False),
    ([CHAMPION_RULE, "log_loss <= champion"], True, True),
    ([CHAMPION_RULE, "roc_auc >= 0.1 on carrier=ZZ"], True, False),
    (["roc_auc >= 0.1", "roc_auc >= 0.1"], True, True),
    (["roc_auc >= champion on carrier=null", "roc_auc >= 0.1"], False, False),
]


@pytest.mark.parametrize(("texts", "has_champion", "ok"), TOGETHER)
def test_rules_together(texts, has_champion, ok):
    """No rules are not ok; a first version needs an absolute rule beside it; one no is a no."""
    measurements = Measurements(NOW, BEFORE if has_champion else None, BASE)
    findings = judge_all([parse_rule(text) for text in texts], measurements)
    assert findings
    assert all(finding.ok for finding in findings) == ok


ODD = [
    ("roc_auc >= 0.1", INFINITE, None),
    ("log_loss <= 0.1", INFINITE, None),
    ("roc_auc >= 0.1", {}, None),
    ("roc_auc >= 0.1", {AA: NOW[AA]}, None),
    ("log_loss <= 9 on every carrier", {AA: NOW[AA], DL: table({DL: (0.9, 10)})[DL]}, None),
    ("log_loss <= 9 on worst carrier", {AA: NOW[AA], DL: table({DL: (0.9, 10)})[DL]}, None),
    ("roc_auc >= champion", NOW, {}),
    ("roc_auc >= champion", NOW, {(): {"log_loss": Value(0.1, 10)}}),
    ("roc_auc >= champion * 0", NOW, {(): {"roc_auc": Value(math.inf, 10)}}),
    ("roc_auc >= champion - 1", NOW, table({(): (NAN, 10)})),
    ("roc_auc >= champion on worst carrier with 1000 rows", NOW, table({AA: (0.1, 10)})),
    ("roc_auc <= 1e308 * 1e308", NOW, None),
    ("roc_auc >= baseline", NOW, None),
]


@pytest.mark.parametrize(("text", "values", "champion"), ODD)
def test_what_cannot_be_compared_is_not_ok(text, values, champion):
    """Infinite, missing and overflowing values fail closed, on whichever side they are."""
    findings = judge_all([parse_rule(text)], Measurements(values, champion))
    assert not all(finding.ok for finding in findings)


def test_a_finding_says_what_was_compared():
    """Measured, bound and allowed are the numbers that were compared, and the reason says them in words."""
    (finding,) = judge(parse_rule("roc_auc >= champion - 0.02 on carrier=AA"), Measurements(NOW, BEFORE))
    assert finding == Finding(
        "roc_auc >= champion - 0.02 on carrier=AA",
        "roc_auc",
        "carrier=AA",
        0.88,
        0.89,
        0.89 - 0.02,
        5_000,
        ok=True,
        reason="0.88 is >= 0.87",
    )


def test_the_worst_slice_is_named():
    """A rule on the worst slice says which it was."""
    findings = judge(parse_rule("roc_auc >= 0.85 on worst carrier with 1000 rows"), Measurements(NOW))
    assert [finding.slice for finding in findings if finding.is_judged] == ["carrier=DL"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("roc_acu >= 1", "did you mean 'roc_auc'"),
        ("roc_auc >= 1 on every origin", "slices=['origin']"),
        ("roc_auc >= 1 on every origin,dest", "slices=[['origin', 'dest']]"),
        ("roc_auc >= 1 on carrier=UU", "did you mean carrier=UA"),
        ("roc_auc >= 1 on carrier=null", "nan: one class"),
        ("roc_auc >= 1 on overall with 99999 rows", "nothing left to judge"),
    ],
)
def test_a_no_says_what_to_do(text, words):
    """The reason of a no names the nearest, or what to evaluate."""
    assert words in judge(parse_rule(text), Measurements(NOW))[-1].reason


def test_slice_text_quotes_what_a_rule_would():
    """The name of a slice is what a rule on it would say, so it can be copied into one."""
    for pairs in ((("city", "New York"),), (("a b", "null"),), (("a", None), ("b", ""))):
        rule = parse_rule(f"roc_auc >= 0.5 on {slice_text(pairs)}")
        assert tuple(zip(rule.columns, rule.values, strict=True)) == pairs
