"""squared_pearson: NumPy's."""

import numpy as np
import pytest

from headrace.evaluation.metrics.squared_pearson import SquaredPearson
from headrace.testing.metric_cases import MetricCases


@pytest.mark.parametrize("has_weight", [False, True])
@pytest.mark.parametrize("num_rows", [40, 3000])
def test_it_is_numpys(num_rows, has_weight):
    """With and without weights, on rows with ties."""
    label, prediction, weight = MetricCases.rows(num_rows, num_rows)
    label = 3.0 * label + prediction + 0.5
    prediction = prediction + 1.0
    weights = weight if has_weight else None
    times = weight if has_weight else np.ones(num_rows)
    found = MetricCases.value(SquaredPearson(), label, prediction, weights)[0]
    assert found == pytest.approx(
        np.cov(label, prediction, aweights=times)[0, 1] ** 2
        / np.prod(np.diag(np.cov(label, prediction, aweights=times))),
        rel=1e-9,
        abs=1e-10,
    )


def test_by_hand():
    """On a line."""
    found = MetricCases.value(SquaredPearson(), np.array([1.0, 3.0, 5.0]), np.array([4.0, 3.0, 2.0]))
    np.testing.assert_allclose(found, [1.0], atol=1e-9)
