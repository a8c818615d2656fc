"""prevalence: a weighted mean."""

import numpy as np
import pytest

from headrace.evaluation.metrics.prevalence import Prevalence
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_the_mean_label(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    weights = weight if has_weight else None
    times = weight if has_weight else np.ones(num_rows)
    found = MetricCases.value(Prevalence(), label, prediction, weights)[0]
    assert found == pytest.approx(np.average(label, weights=times), rel=1e-9, abs=1e-10)


def test_by_hand():
    """Three of seven."""
    found = MetricCases.value(
        Prevalence(), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.array([0.9, 0.5, 0.1, 0.8, 0.1, 0.2, 0.3])
    )
    np.testing.assert_allclose(found, [3 / 7], atol=1e-9)
