"""recall_weighted: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import recall_score

from headrace.evaluation.metrics.recall_weighted import RecallWeighted
from headrace.testing.class_metric_cases import ClassMetricCases


class TestRecallWeighted(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return RecallWeighted()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return recall_score(label, prediction.argmax(axis=1), average="weighted", sample_weight=weight, zero_division=0)


def test_by_hand():
    """Six rows of three classes, four of them right."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestRecallWeighted.value(RecallWeighted(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.666666666667], atol=1e-9)
