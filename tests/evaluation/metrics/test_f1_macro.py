"""f1_macro: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headrace.evaluation.metrics.f1_macro import F1Macro
from headrace.testing.class_metric_cases import ClassMetricCases


class TestF1Macro(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return F1Macro()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return f1_score(label, prediction.argmax(axis=1), average="macro", sample_weight=weight, zero_division=0)


def test_by_hand():
    """Six rows of three classes, four of them right."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestF1Macro.value(F1Macro(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.655555555556], atol=1e-9)
