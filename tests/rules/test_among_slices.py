"""Slices held to each other: the four-fifths rule, gaps of rates, and all rows; with intervals, and failing closed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput
from headrace.rules import Measurements, Rule, Value, judge, parse_rule


def measured(**rates):
    """Values of one metric by sex, and over all rows."""
    rows = {(): {"positive_rate": Value(0.4, 10_000)}}
    return Measurements(rows | {(("sex", name),): {"positive_rate": Value(rate, 100)} for name, rate in rates.items()})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("positive_rate >= highest * 0.8 on every sex", ["sex=b"]),
        ("positive_rate >= highest - 0.15 on every sex", []),
        ("positive_rate <= lowest + 0.05 on every sex", ["sex=a", "sex=c"]),
        ("positive_rate >= overall * 0.95 on every sex", ["sex=b"]),
        ("positive_rate >= highest * 0.8 on worst sex", ["sex=b"]),
        ("positive_rate >= highest * 0.8 on sex=b", ["sex=b"]),
        ("positive_rate >= highest * 0.8 on sex=a", []),
    ],
)
def test_by_hand(text, wrong):
    """Each slice against the highest, the lowest, all rows; the rule reads back as it was written."""
    rule = parse_rule(text)
    assert str(rule) == text
    assert [one.slice for one in judge(rule, measured(a=0.5, b=0.36, c=0.45)) if not one.ok] == wrong


def test_a_slice_with_few_rows_is_not_what_others_are_held_to():
    """It is reported, and its rate, high by luck, moves no bound."""
    rows = measured(a=0.5, b=0.45)
    rows.values[(("sex", "rare"),)] = {"positive_rate": Value(1.0, 3)}
    findings = judge(parse_rule("positive_rate >= highest * 0.8 on every sex with 50 rows"), rows)
    assert all(one.ok for one in findings) and [one.is_judged for one in findings].count(False) == 1
    assert not all(one.ok for one in judge(parse_rule("positive_rate >= highest * 0.8 on every sex"), rows))


def test_it_fails_closed():
    """No value on a slice, no such slices, or a rule of all rows that would compare nothing."""
    rows = measured(a=0.5, b=float("nan"))
    assert [one.ok for one in judge(parse_rule("positive_rate >= highest * 0.8 on every sex"), rows)] == [True, False]
    assert not judge(parse_rule("positive_rate >= highest * 0.8 on every age"), rows)[0].ok
    nothing = Measurements({(("sex", "a"),): {"positive_rate": Value(0.5, 9)}})
    assert not judge(parse_rule("positive_rate >= overall on every sex"), nothing)[0].ok
    with pytest.raises(InvalidInput, match="compares slices"):
        Rule("positive_rate", ">=", reference="highest")
    with pytest.raises(InvalidInput, match="compares slices"):
        parse_rule("positive_rate >= highest * 0.8")


def test_the_interval_of_the_difference_decides():
    """Rates of 50 % and 42 % are within four fifths, but 100 rows each cannot say so; 20,000 can."""
    for num_rows, ok in ((100, False), (20_000, True)):
        generator = np.random.default_rng(1)
        group = np.repeat(["a", "b"], num_rows)
        share = np.where(group == "a", 0.5, 0.44)
        called = (np.arange(2 * num_rows) % num_rows) / num_rows < share
        label = generator.integers(0, 2, 2 * num_rows)
        table = pa.table({"y": label, "p": called.astype(float), "sex": group.tolist()})
        found = hr.evaluate_predictions(table, label="y", prediction="p", metrics=["positive_rate"], slices=["sex"])
        for rule in ("positive_rate >= highest * 0.8 on every sex", "positive_rate >= overall - 0.05 on every sex"):
            assert hr.gate(None, found, rules=[rule]).ok is ok, rule
        assert hr.gate(None, found, rules=["positive_rate >= highest * 0.8 on every sex by value"]).ok
