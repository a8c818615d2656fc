"""precision_macro: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import precision_score

from headrace.evaluation.metrics.precision_macro import PrecisionMacro
from headrace.testing.class_metric_cases import ClassMetricCases


class TestPrecisionMacro(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return PrecisionMacro()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return precision_score(label, prediction.argmax(axis=1), average="macro", sample_weight=weight, zero_division=0)


def test_by_hand():
    """Six rows of three classes, four of them right."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestPrecisionMacro.value(PrecisionMacro(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.666666666667], atol=1e-9)
