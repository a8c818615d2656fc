"""recall_at_precision: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from headrace.errors import InvalidInput
from headrace.evaluation.metrics.recall_at_precision import RecallAtPrecision
from headrace.testing.metric_cases import MetricCases


class TestRecallAtPrecision(MetricCases):
    """The conformance suite against scikit-learn's curve."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return RecallAtPrecision(precision=0.7123)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        precision, recall, _ = precision_recall_curve(label, prediction, sample_weight=weight)
        return recall[:-1][precision[:-1] >= 0.7123].max(initial=0.0)


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
    found = TestRecallAtPrecision.value(
        RecallAtPrecision(precision=0.7123), np.array(label, np.float64), np.array(prediction, np.float64)
    )
    np.testing.assert_allclose(found, [expected], atol=1e-12)


@pytest.mark.parametrize("given", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(given):
    """From 0 to 1."""
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        RecallAtPrecision(precision=given)
