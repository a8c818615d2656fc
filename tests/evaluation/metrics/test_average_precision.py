"""average_precision: scikit-learn's average_precision_score."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from headrace.evaluation.metrics.average_precision import AveragePrecision
from headrace.testing.metric_cases import MetricCases


class TestAveragePrecision(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return AveragePrecision()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return average_precision_score(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1], [0.9, 0.8, 0.7], (1.0 + 2 / 3) / 2),
        ([1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], 0.25),
        ([0, 0], [0.4, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Ties are one threshold; chance is the share of positive rows."""
    found = TestAveragePrecision.value(AveragePrecision(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
