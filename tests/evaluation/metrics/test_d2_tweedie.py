"""d2_tweedie: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import d2_tweedie_score

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.d2_tweedie import D2Tweedie
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
def test_it_is_scikit_learns(num_rows, has_weight, power):
    """With and without weights, on rows with ties; labels of 0 among them."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    label = label * (3.0 + prediction)
    weights = weight if has_weight else None
    found = MetricCases.value(D2Tweedie(power=power), label, prediction + 1.0, weights)[0]
    expected = d2_tweedie_score(label, prediction + 1.0, power=power, sample_weight=weights)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_by_hand():
    """Right is 1, the mean is 0; equal labels leave nothing to explain."""
    label = np.array([1.0, 2.0, 6.0])
    for prediction, expected in ((label, 1.0), (np.full(3, 3.0), 0.0)):
        np.testing.assert_allclose(MetricCases.value(D2Tweedie(), label, prediction), [expected], atol=1e-9)
    assert np.isnan(MetricCases.value(D2Tweedie(), np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))).all()


@pytest.mark.parametrize("power", [1.0, 2.0, 0.0, float("nan")])
def test_other_powers_are_refused(power):
    """They are other metrics."""
    with pytest.raises(InvalidInput, match="1 < power < 2"):
        D2Tweedie(power=power)
