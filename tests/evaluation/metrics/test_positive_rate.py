"""positive_rate: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.positive_rate import PositiveRate
from headrace.testing.metric_cases import MetricCases


class TestPositiveRate(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return PositiveRate(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """By its definition."""
        return np.average(prediction >= 0.3, weights=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 0], [0.9, 0.6, 0.2, 0.1], 0.5),
        ([1], [0.5], 1.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """A prediction at the threshold is positive."""
    found = TestPositiveRate.value(PositiveRate(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
