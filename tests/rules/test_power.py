"""How often a rule refuses what is as good as asked: against draws, and in words."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.rules._interval import interval_of_mean
from headrace.rules._power import power
from headrace.rules._sure import Comparison
from headrace.rules._telling import told_of_power


@pytest.mark.parametrize(("effect", "freedom"), [(0.01, 1e6), (0.03, 1e6), (0.06, 30.0), (0.02, 12.0)])
def test_it_is_how_often_draws_are_refused(effect, freedom):
    """20,000 differences drawn around the effect, each held to the bound of its own interval."""
    generator = np.random.default_rng(3)
    errors = 0.02 * np.sqrt(generator.chisquare(freedom, 20_000) / freedom)
    drawn = effect + 0.02 * generator.standard_normal(20_000)
    refused = np.mean([interval_of_mean(*one, freedom + 1.0)[0] < 0.0 for one in zip(drawn, errors, strict=True)])
    assert power(effect, 0.02, 500, freedom=freedom).refused == pytest.approx(refused, abs=0.03)


def test_so_many_rows_refuse_one_in_twenty():
    """What is told of the rows is told of the share, too; over slices it takes more."""
    needed = power(0.02, 0.02, 300).rows_needed
    error = 0.02 * (300 / needed) ** 0.5
    assert power(0.02, error, needed).refused == pytest.approx(0.05, abs=0.003)
    assert power(0.02, 0.02, 300, num_judged=20).rows_needed > needed
    assert power(0.02, 0.02, 300, num_judged=20).refused > power(0.02, 0.02, 300).refused


def test_it_is_said_where_it_matters():
    """Of an equal one where the rule has a margin, else of one as good; nothing where the rows are enough."""
    found = Comparison(True, 0.2, -0.03, 0.05, margin=0.01, slack=0.02, std_error=0.02, freedom=299.0)
    assert told_of_power("champion", found, 300, 1) == (
        "on 300 rows one equal to the champion is refused in 83%, on about 4,000 in 5 %"
    )
    as_good = Comparison(True, 0.2, -0.03, 0.05, margin=0.01, std_error=0.02)
    assert told_of_power("number", as_good, 300, 1).startswith("on 300 rows one truly as good is refused in 93%")
    enough = Comparison(False, 0.9, -0.03, -0.01, margin=-0.01, slack=0.05, std_error=0.005)
    assert told_of_power("champion", enough, 9000, 1) == ""
    assert told_of_power("champion", Comparison(False, None, 0.0, 0.0, margin=-0.01), 10, 1) == ""


def test_a_tiny_margin_asks_for_no_end_of_rows():
    """A number, never an error."""
    assert power(1e-300, 1.0, 10).rows_needed > 10**15
