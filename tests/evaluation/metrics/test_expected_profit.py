"""expected_profit: scikit-learn's confusion matrix times what each cell is worth."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.expected_profit import ExpectedProfit
from headrace.testing.metric_cases import MetricCases


class TestExpectedProfit(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """Parameters that are not the defaults."""
        return ExpectedProfit(threshold=0.3, tp=10.0, fp=-2.0, fn=-5.0, tn=0.5)

    def oracle(self, label, prediction, weight):
        """The matrix, cell by cell."""
        (tn, fp), (fn, tp) = confusion_matrix(label, prediction >= 0.3, sample_weight=weight)
        return (10.0 * tp - 2.0 * fp - 5.0 * fn + 0.5 * tn) / (tn + fp + fn + tp)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1], 0.0),
        ([1, 1], [0.9, 0.9], 1.0),
        ([0], [0.5], -1.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """One earned, one lost: nothing; a prediction at the threshold is positive."""
    found = TestExpectedProfit.value(ExpectedProfit(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_worths_must_be_finite():
    """An infinite worth would make every row worthless beside it."""
    with pytest.raises(InvalidInput, match="tp"):
        ExpectedProfit(tp=float("inf"))
