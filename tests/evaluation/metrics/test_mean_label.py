"""mean_label: a weighted mean."""

import numpy as np
import pytest

from headrace.evaluation.metrics.mean_label import MeanLabel
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_a_mean(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    label = 3.0 * label + prediction + 0.5
    prediction = prediction + 1.0
    weights = weight if has_weight else None
    times = weight if has_weight else np.ones(num_rows)
    found = MetricCases.value(MeanLabel(), label, prediction, weights)[0]
    assert found == pytest.approx(np.average(label, weights=times), rel=1e-9, abs=1e-10)


def test_by_hand():
    """Of 2, 1 and 4."""
    found = MetricCases.value(MeanLabel(), np.array([2.0, 1.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [7 / 3], atol=1e-9)
