"""accuracy: scikit-learn's accuracy_score."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.accuracy import Accuracy
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestAccuracy(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return Accuracy(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return accuracy_score(label, prediction >= 0.3, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1], 0.5),
        ([1, 0], [0.5, 0.5], 0.5),
        ([0, 0], [0.1, 0.2], 1.0),
        ([1], [0.1], 0.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """A prediction at the threshold is positive; one class is enough."""
    found = TestAccuracy.value(Accuracy(), np.array(label, np.float64), np.array(prediction))
    assert found.tolist() == [expected]


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_threshold_must_be_finite(threshold):
    """A threshold that decides every row the same way is a mistake, said when it is made."""
    with pytest.raises(InvalidInput, match="threshold"):
        Accuracy(threshold=threshold)


class TestAccuracyOfClasses(ClassMetricCases):
    """The conformance suite of several classes, against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return Accuracy()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return accuracy_score(label, prediction.argmax(axis=1), sample_weight=weight)
