"""mean_pinball_loss: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from headrace.evaluation.metrics.mean_pinball_loss import MeanPinballLoss
from headrace.testing.metric_cases import MetricCases


class TestMeanPinballLoss(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """With parameters that are not the defaults."""
        return MeanPinballLoss(alpha=0.9)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return mean_pinball_loss(label, prediction, sample_weight=weight, alpha=0.9)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([2.0, 1.0], [1.0, 3.0], 0.75),
    ],
)
def test_by_hand(label, prediction, expected):
    """Half the mean absolute error at the median."""
    found = TestMeanPinballLoss.value(MeanPinballLoss(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
