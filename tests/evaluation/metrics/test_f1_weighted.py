"""f1_weighted: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headrace.evaluation.metrics.f1_weighted import F1Weighted
from headrace.testing.class_metric_cases import ClassMetricCases


class TestF1Weighted(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return F1Weighted()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return f1_score(label, prediction.argmax(axis=1), average="weighted", sample_weight=weight, zero_division=0)


def test_by_hand():
    """Six rows of three classes, four of them right."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestF1Weighted.value(F1Weighted(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.677777777778], atol=1e-9)
