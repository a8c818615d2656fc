"""f1_micro: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headrace.evaluation.metrics.f1_micro import F1Micro
from headrace.testing.class_metric_cases import ClassMetricCases


class TestF1Micro(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return F1Micro()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return f1_score(label, prediction.argmax(axis=1), average="micro", sample_weight=weight, zero_division=0)


def test_by_hand():
    """Six rows of three classes, four of them right."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestF1Micro.value(F1Micro(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.666666666667], atol=1e-9)
