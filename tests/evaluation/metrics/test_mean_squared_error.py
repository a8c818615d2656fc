"""mean_squared_error: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error

from headrace.evaluation.metrics.mean_squared_error import MeanSquaredError
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_scikit_learns(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    label = 3.0 * label + prediction + 0.5
    prediction = prediction + 1.0
    weights = weight if has_weight else None
    found = MetricCases.value(MeanSquaredError(), label, prediction, weights)[0]
    assert found == pytest.approx(mean_squared_error(label, prediction, sample_weight=weights), rel=1e-9, abs=1e-10)


def test_by_hand():
    """Off by 1, 0 and 2."""
    found = MetricCases.value(MeanSquaredError(), np.array([2.0, 1.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [5 / 3], atol=1e-9)
