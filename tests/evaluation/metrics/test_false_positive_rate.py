"""false_positive_rate: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.false_positive_rate import FalsePositiveRate
from headrace.testing.metric_cases import MetricCases


class TestFalsePositiveRate(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return FalsePositiveRate(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """By its definition."""
        negative = label == 0
        weights = np.ones(len(label)) if weight is None else weight
        return ((prediction >= 0.3) & negative) @ weights / (negative @ weights)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 0], [0.9, 0.6, 0.2, 0.1], 1 / 3),
        ([1, 1], [0.9, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Positive rows have no say."""
    found = TestFalsePositiveRate.value(FalsePositiveRate(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
