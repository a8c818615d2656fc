"""lift: rows in order of their score, counted one by one."""

import numpy as np
import pytest

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.lift import Lift
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
def test_it_is_what_the_sorted_rows_have(has_weight):
    """A row of weight w is w small rows; where scores are equal each counts alike."""
    label, prediction, weight = MetricCases.rows(400, 4)
    weight = weight if has_weight else np.ones(400)
    found = MetricCases.value(Lift(share=0.2), label, prediction, weight if has_weight else None)[0]
    left, taken = 0.2 * weight.sum(), 0.0
    for score in np.unique(prediction)[::-1]:
        rows = prediction == score
        part = min(1.0, left / max(weight[rows].sum(), 1e-300))
        taken += part * (weight * label)[rows].sum()
        left -= part * weight[rows].sum()
    assert found == pytest.approx(taken / (weight * label).sum() / 0.2, rel=1e-12)


def test_by_hand():
    """Two of ten rows hold two of four positives; a constant finds what chance does; no positive row has none."""
    label = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    assert MetricCases.value(Lift(share=0.2), label, np.arange(10.0)[::-1])[0] == pytest.approx(0.5 / 0.2)
    assert MetricCases.value(Lift(share=0.2), label, np.full(10, 0.5))[0] == pytest.approx(0.2 / 0.2)
    assert np.isnan(MetricCases.value(Lift(), np.zeros(3), np.arange(3.0)))[0]


def test_a_share_that_is_none_is_refused():
    """Above 0 and below 1."""
    for share in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(InvalidInput, match="above 0 and below 1"):
            Lift(share=share)
