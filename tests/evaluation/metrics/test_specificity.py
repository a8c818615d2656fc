"""specificity: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import recall_score

from headrace.evaluation.metrics.specificity import Specificity
from headrace.testing.metric_cases import MetricCases


class TestSpecificity(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return Specificity(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return recall_score(1 - label, prediction < 0.3, sample_weight=weight, zero_division=np.nan)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 0], [0.9, 0.6, 0.2, 0.1], 2 / 3),
        ([1, 1], [0.9, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Positive rows have no say."""
    found = TestSpecificity.value(Specificity(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
