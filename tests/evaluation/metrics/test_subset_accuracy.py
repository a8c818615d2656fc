"""subset_accuracy: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from headrace.evaluation.metrics.subset_accuracy import SubsetAccuracy
from headrace.testing.label_metric_cases import LabelMetricCases


class TestSubsetAccuracy(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return SubsetAccuracy()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return accuracy_score(label, prediction >= 0.5, sample_weight=weight)


def test_by_hand():
    """Only the row that has none and is called none is wholly right."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestSubsetAccuracy.value(SubsetAccuracy(), label, prediction)
    np.testing.assert_allclose(found, [1 / 3], atol=1e-9)
