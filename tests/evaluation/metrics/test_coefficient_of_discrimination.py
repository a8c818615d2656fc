"""coefficient_of_discrimination: two weighted means."""

import numpy as np
import pytest

from headrace.evaluation.metrics.coefficient_of_discrimination import CoefficientOfDiscrimination
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_a_difference_of_means(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    weights = weight if has_weight else None
    times = weight if has_weight else np.ones(num_rows)
    found = MetricCases.value(CoefficientOfDiscrimination(), label, prediction, weights)[0]
    means = [np.average(prediction[label == one], weights=times[label == one]) for one in (1.0, 0.0)]
    assert found == pytest.approx(means[0] - means[1], rel=1e-9, abs=1e-10)


def test_by_hand():
    """1.5 / 3 and 1.4 / 4."""
    found = MetricCases.value(
        CoefficientOfDiscrimination(),
        np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        np.array([0.9, 0.5, 0.1, 0.8, 0.1, 0.2, 0.3]),
    )
    np.testing.assert_allclose(found, [0.5 - 0.35], atol=1e-9)
