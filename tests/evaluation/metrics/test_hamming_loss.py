"""hamming_loss: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import hamming_loss

from headrace.evaluation.metrics.hamming_loss import HammingLoss
from headrace.testing.label_metric_cases import LabelMetricCases


class TestHammingLoss(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return HammingLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return hamming_loss(label, prediction >= 0.5, sample_weight=weight)


def test_by_hand():
    """Two of the first row's three labels are wrong, one of the second's, none of the third's."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestHammingLoss.value(HammingLoss(), label, prediction)
    np.testing.assert_allclose(found, [3 / 9], atol=1e-9)
