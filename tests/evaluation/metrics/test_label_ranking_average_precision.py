"""label_ranking_average_precision: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from headrace.evaluation.metrics.label_ranking_average_precision import LabelRankingAveragePrecision
from headrace.testing.label_metric_cases import LabelMetricCases


class TestLabelRankingAveragePrecision(LabelMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return LabelRankingAveragePrecision()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return label_ranking_average_precision_score(label, prediction, sample_weight=weight)


def test_by_hand():
    """First and third of the ranking; tied for the first place of two; a row without labels is 1."""
    label = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    prediction = np.array([[0.9, 0.8, 0.3], [0.2, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = TestLabelRankingAveragePrecision.value(LabelRankingAveragePrecision(), label, prediction)
    np.testing.assert_allclose(found, [((1 + 2 / 3) / 2 + 1 / 2 + 1) / 3], atol=1e-9)
