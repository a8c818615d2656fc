"""Off-policy estimates: right where the truth is known, refused where the data cannot tell."""

import numpy as np
import pytest

from headrace.errors import InvalidInput
from headrace.routing.estimate import Logged, estimate

CHANCES = {("a", 1): 0.2, ("a", 2): 0.5, ("b", 1): 0.6, ("b", 2): 0.3}


def logged(seed, num=1500, share=0.3, rows_a_unit=1):
    """Decisions of a policy that chooses version 2 with this probability, in two segments."""
    draw = np.random.default_rng(seed)
    versions = np.where(draw.random(num) < share, 2, 1)
    segments = draw.choice(["a", "b"], num).tolist()
    chances = np.array(
        [CHANCES[segment, version] for segment, version in zip(segments, versions.tolist(), strict=True)]
    )
    return Logged(
        versions,
        np.where(versions == 2, share, 1 - share),
        (draw.random(num) < chances).astype(float),
        segments,
        [str(row // rows_a_unit) for row in range(num)],
    )


def truth(table):
    """What a policy earns, both segments alike."""
    return sum(
        0.5 * share * CHANCES[segment, version] for segment in table for version, share in table[segment].items()
    )


BETTER = {"a": {2: 1.0}, "b": {1: 1.0}}
MIXED = {"a": {1: 0.5, 2: 0.5}, "b": {1: 0.2, 2: 0.8}}


@pytest.mark.slow
@pytest.mark.parametrize("table", [BETTER, MIXED, {"a": {2: 1.0}, "b": {2: 1.0}}])
def test_intervals_hold_the_truth(table):
    """All three estimators, over 60 logs: a 95 % interval holds the truth in at least 53 of them."""
    held = np.zeros(3)
    for seed in range(60):
        found = estimate(logged(seed), table)
        for place, (value, lower, upper) in enumerate((found.ips, found.snips, found.dr)):
            held[place] += lower <= truth(table) <= upper
            assert abs(value - truth(table)) < 0.12
    assert ((held >= 53) & (held <= 60)).all(), held


def test_doubly_robust_is_the_narrowest():
    """Where versions explain the reward, the model takes variance away."""
    found = estimate(logged(1), BETTER)
    widths = [upper - lower for _, lower, upper in (found.ips, found.snips, found.dr)]
    assert widths[2] <= widths[0] and widths[2] <= widths[1] * 1.02


def test_the_logging_policy_itself_is_its_mean():
    """All weights are one: the effective number of rows is all of them."""
    rows = logged(2, share=0.5)
    found = estimate(rows, {segment: {1: 0.5, 2: 0.5} for segment in "ab"})
    assert found.effective_rows == pytest.approx(1500)
    assert found.ips[0] == pytest.approx(rows.rewards.mean()) and found.snips[0] == pytest.approx(found.ips[0])


def test_rows_of_one_unit_go_together():
    """Ten equal rows a unit: the interval is that of a tenth of the rows, about three times as wide."""
    one = logged(3, num=400)
    many = Logged(*(np.repeat(getattr(one, name), 10) for name in ("versions", "propensities", "rewards")),
                  [value for value in one.segments for _ in range(10)],
                  [value for value in one.units for _ in range(10)])  # fmt: skip
    few, spread = estimate(one, MIXED), estimate(many, MIXED)
    assert spread.ips == pytest.approx(few.ips)


def test_refusals():
    """A version never chosen; too few of its own; one decision that is all the weight; nothing at all."""
    rows = logged(4, num=2000)
    assert "version 3 was never chosen" in estimate(rows, {"a": {3: 1.0}, "b": {1: 1.0}}).refusal
    assert "are worth" in estimate(logged(5, num=150, share=0.05), BETTER).refusal
    heavy = Logged(rows.versions, np.where(np.arange(2000) == 7, 1e-6, rows.propensities), rows.rewards,
                   rows.segments, rows.units)  # fmt: skip
    assert estimate(heavy, MIXED).refusal and estimate(heavy, MIXED).to_plain()["ips"] is None
    assert estimate(rows, {"a": {1: 0.0}, "b": {1: 0.0}}).refusal


def test_bad_logs():
    """Lengths that differ, and propensities that are none."""
    rows = logged(6, num=10)
    with pytest.raises(InvalidInput, match="lengths"):
        Logged(rows.versions, rows.propensities[:5], rows.rewards, rows.segments, rows.units)
    with pytest.raises(InvalidInput, match="propensity"):
        Logged(rows.versions, rows.propensities * 0.0, rows.rewards, rows.segments, rows.units)
