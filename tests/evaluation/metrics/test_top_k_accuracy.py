"""top_k_accuracy: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from headrace.evaluation.metrics.top_k_accuracy import TopKAccuracy
from headrace.testing.class_metric_cases import ClassMetricCases


class TestTopKAccuracy(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return TopKAccuracy()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return top_k_accuracy_score(label, prediction, k=2, sample_weight=weight, labels=[0, 1, 2, 3])


def test_by_hand():
    """Of two zeros the later class counts as higher: class 0, called 1, is third; class 2, called 0, is second."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestTopKAccuracy.value(TopKAccuracy(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.8333333333333334], atol=1e-9)
