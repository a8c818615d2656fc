"""d2_log_loss: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import d2_log_loss_score

from headrace.evaluation.metrics.d2_log_loss import D2LogLoss
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_scikit_learns(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    prediction = np.clip(prediction, 0.01, 0.99)
    weights = weight if has_weight else None
    found = MetricCases.value(D2LogLoss(), label, prediction, weights)[0]
    assert found == pytest.approx(d2_log_loss_score(label, prediction, sample_weight=weights), rel=1e-9, abs=1e-10)


def test_by_hand():
    """What the constant says explains nothing."""
    found = MetricCases.value(D2LogLoss(), np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.25, 0.25, 0.25, 0.25]))
    np.testing.assert_allclose(found, [0.0], atol=1e-9)
