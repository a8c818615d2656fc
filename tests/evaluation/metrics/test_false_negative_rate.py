"""false_negative_rate: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.false_negative_rate import FalseNegativeRate
from headrace.testing.metric_cases import MetricCases


class TestFalseNegativeRate(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return FalseNegativeRate(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """By its definition."""
        weights = np.ones(len(label)) if weight is None else weight
        return ((prediction < 0.3) & (label == 1)) @ weights / (label @ weights)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 1, 0, 0], [0.9, 0.1, 0.2, 0.1], 0.5),
        ([0, 0], [0.9, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Negative rows have no say."""
    found = TestFalseNegativeRate.value(FalseNegativeRate(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
