"""mean_bias: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.mean_bias import MeanBias
from headrace.testing.metric_cases import MetricCases


class TestMeanBias(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return MeanBias()

    def oracle(self, label, prediction, weight):
        """By its definition."""
        return np.average(prediction - label, weights=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1.0, 3.0], [2.0, 5.0], 1.5),
        ([1.0], [0.5], -0.5),
    ],
)
def test_by_hand(label, prediction, expected):
    """Above is positive."""
    found = TestMeanBias.value(MeanBias(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
