"""fowlkes_mallows: by the confusion matrix of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from headrace.evaluation.metrics.fowlkes_mallows import FowlkesMallows
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_what_the_confusion_matrix_says(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    _, fp, fn, tp = confusion_matrix(label, prediction >= 0.5, sample_weight=weight if has_weight else None).ravel()
    weights = weight if has_weight else None
    found = MetricCases.value(FowlkesMallows(), label, prediction, weights)[0]
    assert found == pytest.approx(np.sqrt(tp / (tp + fp) * tp / (tp + fn)), rel=1e-9, abs=1e-10)


def test_by_hand():
    """Two found, one missed, one called wrongly, three rightly negative."""
    found = MetricCases.value(
        FowlkesMallows(), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.array([0.9, 0.5, 0.1, 0.8, 0.1, 0.2, 0.3])
    )
    np.testing.assert_allclose(found, [2 / 3], atol=1e-9)
