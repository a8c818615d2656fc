"""coverage_error: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import coverage_error

from headrace.evaluation.metrics.coverage_error import CoverageError
from headrace.testing.label_metric_cases import LabelMetricCases


class TestCoverageError(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return CoverageError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return coverage_error(label, prediction, sample_weight=weight)


def test_by_hand():
    """Down to the third; two share the first place; nothing to find."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestCoverageError.value(CoverageError(), label, prediction)
    np.testing.assert_allclose(found, [(3 + 2 + 0) / 3], atol=1e-9)
