"""explained_variance: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import explained_variance_score

from headrace.evaluation.metrics.explained_variance import ExplainedVariance
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_scikit_learns(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    label = 3.0 * label + prediction + 0.5
    prediction = prediction + 1.0
    weights = weight if has_weight else None
    found = MetricCases.value(ExplainedVariance(), label, prediction, weights)[0]
    assert found == pytest.approx(
        explained_variance_score(label, prediction, sample_weight=weights), rel=1e-9, abs=1e-10
    )


def test_by_hand():
    """The error is 1, 0 and 2, the label 2, 1 and 4."""
    found = MetricCases.value(ExplainedVariance(), np.array([2.0, 1.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [1 - (5 / 3 - 1) / (7 - (7 / 3) ** 2)], atol=1e-9)
