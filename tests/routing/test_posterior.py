"""The posterior: integrated, and what a closed form says of it."""

import math

import numpy as np
import pytest

from headrace.routing import Tally
from headrace.routing.posterior import expected_losses, interval, win_probabilities


def beats(one, other):
    """P(Beta(a, b) > Beta(c, d)) for whole numbers, exactly: Evan Miller's sum."""
    a, b, c, d = one[0] + 1, one[1] - one[0] + 1, other[0] + 1, other[1] - other[0] + 1

    def log_beta(x, y):
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    terms = (log_beta(a + i, b + d) - math.log(d + i) - log_beta(1 + i, d) - log_beta(a, b) for i in range(c))
    return 1.0 - math.fsum(map(math.exp, terms))


def tally(successes, num):
    """Rewards of 0 and 1."""
    return Tally.of([1.0] * successes + [0.0] * (num - successes))


@pytest.mark.parametrize(
    ("one", "other"), [((0, 0), (0, 0)), ((3, 10), (5, 10)), ((30, 100), (45, 100)), ((900, 1000), (950, 1000))]
)
def test_two_versions_as_the_exact_sum_says(one, other):
    """Beside Miller's closed form for two Beta posteriors."""
    found = win_probabilities({1: tally(*one), 2: tally(*other)})
    assert found[1] == pytest.approx(beats(one, other), abs=0.001)
    assert math.fsum(found.values()) == pytest.approx(1.0)


def test_many_versions_as_draws_say():
    """Beside a million draws."""
    tallies = {1: tally(30, 100), 2: tally(35, 100), 3: tally(2, 5), 4: tally(0, 0)}
    draw = np.random.default_rng(3)
    drawn = np.stack(
        [draw.beta(1 + one.total, 1 + one.num_rewarded - one.total, 1_000_000) for one in tallies.values()]
    )
    best = np.bincount(drawn.argmax(axis=0)) / 1_000_000
    assert list(win_probabilities(tallies).values()) == pytest.approx(best.tolist(), abs=0.003)
    losses = (drawn.max(axis=0) - drawn).mean(axis=1)
    assert list(expected_losses(tallies).values()) == pytest.approx(losses.tolist(), abs=0.003)


def test_an_interval_holds_the_mean():
    """Quantiles of a Beta of a thousand rewards, by the normal it nearly is."""
    low, high = interval(tally(500, 1000))
    assert (low, high) == pytest.approx((0.5 - 0.031, 0.5 + 0.031), abs=0.002)


def test_a_huge_count_is_no_trouble():
    """A hundred million rewards: the grid finds where the mass is."""
    large = Tally(10**8, 10**8, 3 * 10**7 << 40, 3 * 10**7 << 80)
    better = Tally(10**8, 10**8, (3 * 10**7 + 30_000) << 40, (3 * 10**7 + 30_000) << 80)
    assert win_probabilities({1: large, 2: better})[2] > 0.999
