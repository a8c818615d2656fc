"""f1: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from headrace.evaluation.metrics.f1 import F1
from headrace.testing.metric_cases import MetricCases


class TestF1(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return F1(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return f1_score(label, prediction >= 0.3, sample_weight=weight, zero_division=np.nan)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 1], [0.9, 0.6, 0.7, 0.1], 0.4),
        ([1, 0], [0.5, 0.4], 1.0),
        ([0, 0], [0.9, 0.1], 0.0),
        ([0, 0], [0.4, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Nothing right is 0; nothing positive on either side has no value."""
    found = TestF1.value(F1(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
