"""Intervals and the tests that are their other side, against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from headrace.rules._interval import (
    interval_of_mean,
    interval_of_share,
    probability_above,
    z_of_mean,
    z_of_share,
)


@pytest.mark.parametrize(("hits", "num_rows"), [(0, 1), (0, 20), (1, 20), (10, 20), (20, 20), (999, 1000)])
def test_shares_have_wilsons_interval(hits, num_rows):
    """SciPy's Wilson interval of the same counts, at the ends as well."""
    expected = stats.binomtest(hits, num_rows).proportion_ci(0.95, method="wilson")
    assert interval_of_share(hits / num_rows, num_rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_limits_only_stretch():
    """A value between -1 and 1 has the interval of the share that it is, stretched."""
    low, high = interval_of_share(0.8, 50)
    assert interval_of_share(0.6, 50, (-1.0, 1.0)) == pytest.approx((2 * low - 1, 2 * high - 1))
    assert z_of_share(0.6, 0.2, 50, (-1.0, 1.0)) == pytest.approx(z_of_share(0.8, 0.6, 50))


@pytest.mark.parametrize("num_rows", [5, 6, 10, 30, 1000])
def test_means_have_students_interval(num_rows):
    """The level of each end is SciPy's t within 0.001."""
    low, high = interval_of_mean(3.0, 2.0, num_rows)
    assert 3.0 - low == pytest.approx(high - 3.0)
    assert stats.t.sf((high - 3.0) / 2.0, num_rows - 1) == pytest.approx(0.025, abs=0.001)
    for t in (0.5, 2.0, 4.0):
        assert probability_above(z_of_mean(2.0 * t, 2.0, num_rows)) == pytest.approx(
            stats.t.sf(t, num_rows - 1), abs=0.003
        )


def test_bound_and_test_agree():
    """A share passes the test at 2.5 % exactly where the end of its interval does, and so does a mean."""
    generator = np.random.default_rng(0)
    for _ in range(300):
        value, allowed, rows = generator.random(), generator.random(), float(generator.integers(2, 500))
        low, high = interval_of_share(value, rows)
        z = z_of_share(value, allowed, rows)
        assert (probability_above(z) <= 0.025) == (low >= allowed) or abs(low - allowed) < 1e-9
        assert (probability_above(-z) <= 0.025) == (high <= allowed) or abs(high - allowed) < 1e-9
        low, high = interval_of_mean(value, 0.2, int(rows))
        z = z_of_mean(value - allowed, 0.2, int(rows))
        assert (probability_above(z) <= 0.025) == (low >= allowed) or abs(low - allowed) < 1e-9


def test_edges():
    """Nothing allowed at an end, no error and a single row have answers, not exceptions."""
    assert z_of_share(0.5, 0.0, 10) == math.inf
    assert z_of_share(0.0, 0.0, 10) == 0.0
    assert z_of_share(0.5, 1.2, 10) == -math.inf
    assert interval_of_mean(0.3, 0.0, 1) == (0.3, 0.3)
    assert interval_of_mean(0.3, 0.1, 1) == (-math.inf, math.inf)
    assert interval_of_mean(0.3, 0.1, 1, (0.0, math.inf)) == (0.0, math.inf)
    assert z_of_mean(0.3, 0.1, 1) == 0.0
    assert (z_of_mean(0.0, 0.0, 9), z_of_mean(-1.0, 0.0, 9)) == (0.0, -math.inf)
