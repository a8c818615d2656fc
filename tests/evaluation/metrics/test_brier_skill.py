"""brier_skill: the ratio of two mean squares."""

import numpy as np
import pytest

from headrace.evaluation.metrics.brier_skill import BrierSkill
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_a_ratio_of_mean_squares(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    weights = weight if has_weight else None
    times = weight if has_weight else np.ones(num_rows)
    found = MetricCases.value(BrierSkill(), label, prediction, weights)[0]
    assert found == pytest.approx(
        1.0
        - np.average((label - prediction) ** 2, weights=times)
        / np.average((label - np.average(label, weights=times)) ** 2, weights=times),
        rel=1e-9,
        abs=1e-10,
    )


def test_by_hand():
    """What the constant says explains nothing."""
    found = MetricCases.value(BrierSkill(), np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.25, 0.25, 0.25, 0.25]))
    np.testing.assert_allclose(found, [0.0], atol=1e-9)
