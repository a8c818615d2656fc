"""jaccard: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from headrace.evaluation.metrics.jaccard import Jaccard
from headrace.testing.metric_cases import MetricCases


class TestJaccard(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return Jaccard(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        if not (label + (prediction >= 0.3)).any():
            return np.nan  # scikit-learn's is 0 there
        return jaccard_score(label, prediction >= 0.3, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 1], [0.9, 0.6, 0.7, 0.1], 0.25),
        ([0, 0], [0.4, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """One right of four that count."""
    found = TestJaccard.value(Jaccard(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
