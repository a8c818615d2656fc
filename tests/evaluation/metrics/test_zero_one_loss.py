"""zero_one_loss: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import zero_one_loss

from headrace.evaluation.metrics.zero_one_loss import ZeroOneLoss
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestZeroOneLoss(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return ZeroOneLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return zero_one_loss(label, prediction >= 0.5, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.25),
        ([1], [0.5], 0.0),
        ([0], [0.5], 1.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """A few rows each."""
    found = TestZeroOneLoss.value(ZeroOneLoss(), np.array(label, np.float64), np.array(prediction, np.float64))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


class TestOfClasses(ClassMetricCases):
    """The same of several classes."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return ZeroOneLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return zero_one_loss(label, prediction.argmax(axis=1), sample_weight=weight)
