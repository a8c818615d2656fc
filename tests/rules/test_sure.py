"""Judging by the bound of an interval, and at Holm's levels over slices."""

from __future__ import annotations

import dataclasses

import pytest

from headrace.rules import Measurements, Value, judge, parse_rule
from headrace.rules._sure import holm


def share(value, num_rows, std_error=None, **shared):
    """A share of so many rows, with the standard error of one that is drawn row by row."""
    known = (value * (1.0 - value) / num_rows) ** 0.5 if std_error is None else std_error
    given = {"with_champion": None, "with_baseline": None, **shared}
    return Value.measured(value, num_rows, std_error=known, support=num_rows, limits=(0.0, 1.0), **given)


def loss(value, num_rows, std_error, **shared):
    """A mean without ends."""
    given = {"with_champion": None, "with_baseline": None, **shared}
    return Value.measured(value, num_rows, std_error=std_error, support=1.0, limits=(0.0, float("inf")), **given)


def judged(text, values, champion=None, baseline=None):
    """The findings of one rule."""
    return judge(parse_rule(text), Measurements(values, champion, baseline or {}))


@pytest.mark.parametrize(
    ("text", "value", "ok", "words"),
    [
        ("accuracy >= 0.85", share(0.90, 1000), True, "0.9 is >= 0.85; 95 % interval 0.8798 to 0.9171"),
        ("accuracy >= 0.85", share(0.86, 1000), False, "not sure enough; more rows, a wider margin"),
        ("accuracy >= 0.85 by value", share(0.86, 1000), True, "0.86 is >= 0.85"),
        ("accuracy >= 0.85", share(0.80, 1000), False, "0.8 is not >= 0.85"),
        ("accuracy >= 0.95", share(1.0, 20), False, "not sure enough"),
        ("accuracy >= 0.8", share(1.0, 20), True, "0.8389 to 1"),
        ("accuracy <= 0.85", share(0.80, 1000), True, "0.8 is <= 0.85"),
        ("accuracy <= 0.85", share(0.84, 1000), False, "not sure enough"),
        ("accuracy >= 0", share(0.5, 10), True, "0.5 is >= 0"),
        ("accuracy > 0.5", share(0.5, 10), False, "0.5 is not > 0.5"),
        ("accuracy <= 1.5", share(0.5, 10), True, "0.5 is <= 1.5"),
        ("accuracy <= 0.5", loss(0.4, 100, 0.04), True, "0.3206 to 0.4794"),
        ("accuracy <= 0.5", loss(0.45, 100, 0.04), False, "not sure enough"),
        ("accuracy >= 0.5", Value(0.9, 1), True, "0.9 is >= 0.5"),  # nothing has an interval: by value
    ],
)
def test_a_number_is_held_against_the_bound(text, value, ok, words):
    """The end of the interval decides, not the value; `by value` is the way round it."""
    (finding,) = judged(text, {(): {"accuracy": value}})
    assert (finding.ok, words in finding.reason) == (ok, True), finding.reason
    assert finding.by_value == ("by value" in text or value.std_error is None)
    assert finding.measured == value.value


@pytest.mark.parametrize(
    ("text", "ok", "words"),
    [
        ("accuracy >= champion - 0.02", True, "the difference is -0.009959 to 0.009959 at 95 %"),
        ("accuracy >= champion", False, 'or "by value"'),  # a margin of 0 tells nothing of an equal one
        ("accuracy >= champion - 0.004", False, "on 900 rows one equal to the champion is refused in 88%"),
        ("accuracy >= champion + 0.02", False, "is not >="),
        ("accuracy >= champion * 0.97", True, "0.9 is >= 0.873"),
        ("accuracy >= baseline + 0.2", True, "0.9 is >= 0.8"),
    ],
)
def test_a_champion_is_compared_on_the_same_rows(text, ok, words):
    """What the two share cancels: the difference is surer than either."""
    own = 0.01
    shared = own * own - 0.005**2 * 1.03 / 2
    value = share(0.9, 900, own, with_champion=shared, with_baseline=0.0)
    champion, baseline = share(0.9, 900, own), share(0.6, 900)
    (finding,) = judged(text, {(): {"accuracy": value}}, {(): {"accuracy": champion}}, {(): {"accuracy": baseline}})
    assert (finding.ok, words in finding.reason) == (ok, True), finding.reason


def test_the_same_predictions_leave_nothing_to_chance():
    """A model that answers as the champion does is as good as the champion: `>=` holds, `>` does not."""
    value = share(0.9, 100, with_champion=0.9 * 0.1 / 100)
    tables = {(): {"accuracy": value}}, {(): {"accuracy": share(0.9, 100)}}
    (finding,) = judged("accuracy >= champion", *tables)
    assert finding.ok
    assert "both predict the same" in finding.reason
    assert not judged("accuracy > champion", *tables)[0].ok


def test_a_value_without_an_interval_among_others_is_not_sure():
    """One row cannot say how sure it is: no, and the finding says what to do."""
    values = {(): {"accuracy": share(0.9, 100)}, (("c", "a"),): {"accuracy": Value(1.0, 1)}}
    (finding,) = judged("accuracy >= 0.5 on every c", values)
    assert not finding.ok
    assert "with N rows" in finding.reason
    assert judged("accuracy >= 0.5 on every c by value", values)[0].ok
    assert judged("accuracy >= 0.5 on every c with 2 rows", values)[0].ok


def test_holm():
    """By hand; and never less than the chance itself, nor more than Bonferroni's."""
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    chances = [0.2, 0.001, 0.02, 0.02, 0.9]
    for chance, corrected in zip(chances, holm(chances), strict=True):
        assert chance <= corrected <= min(1.0, 5 * chance)


def test_slices_are_judged_together():
    """Twenty slices that would each just pass alone do not: one may be so by chance; two sure ones pass."""
    alone = share(0.9, 1000)
    barely = alone.lower - 1e-6
    one = {(("c", "0"),): {"a": alone}}
    many = {(("c", str(number)),): {"a": alone} for number in range(20)}
    assert judged(f"a >= {barely} on every c", one)[0].ok
    findings = judged(f"a >= {barely} on every c", many)
    assert not any(finding.ok for finding in findings)
    assert "among 20 slices" in findings[0].reason
    assert all(finding.ok for finding in judged("a >= 0.85 on every c", many))


def test_the_worst_slice_is_judged_by_its_bound():
    """The slice of the least value, by the end of its own interval; so is one against the champion's worst."""
    values = {(("c", "a"),): {"m": share(0.9, 500)}, (("c", "b"),): {"m": share(0.8, 500)}}
    (finding,) = judged("m >= 0.75 on worst c", values)
    assert (finding.ok, finding.slice, finding.by_value) == (True, "c=b", False)
    assert not judged("m >= 0.78 on worst c", values)[0].ok
    champion = {pairs: {"m": dataclasses.replace(one["m"], with_champion=None)} for pairs, one in values.items()}
    assert judged("m >= champion - 0.06 on worst c", values, champion)[0].ok
