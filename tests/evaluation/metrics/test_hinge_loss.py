"""hinge_loss: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import hinge_loss

from headrace.evaluation.metrics.hinge_loss import HingeLoss
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestHingeLoss(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return HingeLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return hinge_loss(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0], [2.0, -3.0], 0.0),
        ([1, 0], [0.5, 0.5], 1.0),
        ([1], [-1.0], 2.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """A few rows each."""
    found = TestHingeLoss.value(HingeLoss(), np.array(label, np.float64), np.array(prediction, np.float64))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


class TestOfClasses(ClassMetricCases):
    """The same of several classes."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return HingeLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return hinge_loss(label, prediction, labels=[0, 1, 2, 3], sample_weight=weight)


def test_a_label_that_is_no_class_is_as_far_off_as_can_be():
    """It has the lowest value of all."""
    found = TestOfClasses.value(HingeLoss(), np.array([3.0]), np.array([[0.5, 2.0, -1.0]]))
    np.testing.assert_allclose(found, [4.0])
