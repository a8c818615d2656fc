"""roc_auc_ovo: scikit-learn's, which takes no weights there."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from headrace.evaluation.metrics.roc_auc_ovo import RocAucOvo
from headrace.testing.class_metric_cases import ClassMetricCases


class TestRocAucOvo(ClassMetricCases):
    """The conformance suite against scikit-learn, which is given rows as often as they weigh."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return RocAucOvo()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        times = np.ones(len(label), np.int64) if weight is None else weight.astype(np.int64)
        rows = np.repeat(np.arange(len(label)), times)
        return roc_auc_score(label[rows], prediction[rows], multi_class="ovo", average="macro")


def test_pairs_that_do_not_occur_are_left_out():
    """Of two classes of three the one pair there is counts, both ways; of one class there is none."""
    shares = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.55, 0.4, 0.05], [0.2, 0.7, 0.1]])
    label = np.array([0.0, 0.0, 1.0, 1.0])
    found = TestRocAucOvo.value(RocAucOvo(), label, shares)
    np.testing.assert_allclose(found, [(3 / 4 + 3.5 / 4) / 2])
    assert np.isnan(TestRocAucOvo.value(RocAucOvo(), label[:2], shares[:2])).all()
