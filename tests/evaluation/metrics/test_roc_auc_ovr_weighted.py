"""roc_auc_ovr_weighted: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headrace.evaluation.metrics.roc_auc_ovr_weighted import RocAucOvrWeighted
from headrace.testing.class_metric_cases import ClassMetricCases


class TestRocAucOvrWeighted(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return RocAucOvrWeighted()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return roc_auc_score(label, prediction, multi_class="ovr", average="weighted", sample_weight=weight)


def test_by_hand():
    """Zeros and ones: each area is the mean of sensitivity and specificity."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestRocAucOvrWeighted.value(RocAucOvrWeighted(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.775], atol=1e-9)
