"""fbeta: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from headrace.evaluation.metrics.fbeta import Fbeta
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_scikit_learns(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    weights = weight if has_weight else None
    found = MetricCases.value(Fbeta(beta=0.5), label, prediction, weights)[0]
    assert found == pytest.approx(
        fbeta_score(label, prediction >= 0.5, beta=0.5, sample_weight=weights), rel=1e-9, abs=1e-10
    )


def test_by_hand():
    """Two found, one missed, one called wrongly, three rightly negative."""
    found = MetricCases.value(
        Fbeta(beta=0.5), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.array([0.9, 0.5, 0.1, 0.8, 0.1, 0.2, 0.3])
    )
    np.testing.assert_allclose(found, [2 / 3], atol=1e-9)
