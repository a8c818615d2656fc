"""balanced_accuracy: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from headrace.evaluation.metrics.balanced_accuracy import BalancedAccuracy
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestBalancedAccuracy(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return BalancedAccuracy(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return balanced_accuracy_score(label, prediction >= 0.3, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 0], [0.9, 0.6, 0.2, 0.1], 5 / 6),
        ([1, 0], [0.1, 0.1], 0.5),
        ([1, 1], [0.9, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Each class has half a say; one class alone has none."""
    found = TestBalancedAccuracy.value(BalancedAccuracy(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


class TestBalancedAccuracyOfClasses(ClassMetricCases):
    """The conformance suite of several classes, against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return BalancedAccuracy()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return balanced_accuracy_score(label, prediction.argmax(axis=1), sample_weight=weight)
