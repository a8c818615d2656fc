"""label_ranking_loss: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_loss

from headrace.evaluation.metrics.label_ranking_loss import LabelRankingLoss
from headrace.testing.label_metric_cases import LabelMetricCases


class TestLabelRankingLoss(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return LabelRankingLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return label_ranking_loss(label, prediction, sample_weight=weight)


def test_by_hand():
    """The false label is above one of two true ones; tied with one of two false ones, which counts."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestLabelRankingLoss.value(LabelRankingLoss(), label, prediction)
    np.testing.assert_allclose(found, [(1 / 2 + 1 / 2 + 0) / 3], atol=1e-9)
