"""recall_at_false_positive_rate: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.recall_at_false_positive_rate import RecallAtFalsePositiveRate
from headrace.testing.metric_cases import MetricCases


class TestRecallAtFalsePositiveRate(MetricCases):
    """The conformance suite against scikit-learn's curve."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return RecallAtFalsePositiveRate(rate=0.1234)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        rate, recall, _ = roc_curve(label, prediction, sample_weight=weight, drop_intermediate=False)
        return recall[rate <= 0.1234].max()


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.5),
        ([1, 0], [0.1, 0.9], 0.0),
        ([1, 1], [0.4, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A few rows each."""
    found = TestRecallAtFalsePositiveRate.value(
        RecallAtFalsePositiveRate(rate=0.1234), np.array(label, np.float64), np.array(prediction, np.float64)
    )
    np.testing.assert_allclose(found, [expected], atol=1e-12)


@pytest.mark.parametrize("given", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(given):
    """From 0 to 1."""
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        RecallAtFalsePositiveRate(rate=given)
