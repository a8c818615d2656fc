"""roc_auc_ovr: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headrace.evaluation.metrics.roc_auc_ovr import RocAucOvr
from headrace.testing.class_metric_cases import ClassMetricCases


class TestRocAucOvr(ClassMetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return RocAucOvr()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return roc_auc_score(label, prediction, multi_class="ovr", average="macro", sample_weight=weight)


def test_by_hand():
    """Zeros and ones: each area is the mean of sensitivity and specificity."""
    label = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    called = [0, 1, 1, 2, 2, 0]
    found = TestRocAucOvr.value(RocAucOvr(), label, np.eye(3)[called])
    np.testing.assert_allclose(found, [0.786111111111], atol=1e-9)
