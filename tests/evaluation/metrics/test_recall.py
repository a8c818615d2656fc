"""recall: scikit-learn's recall_score."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import recall_score

from headrace.errors import InvalidInput
from headrace.evaluation import evaluate_predictions
from headrace.evaluation.metrics.recall import Recall
from headrace.testing.metric_cases import MetricCases


class TestRecall(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return Recall(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return recall_score(label, prediction >= 0.3, sample_weight=weight, zero_division=np.nan)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 1, 1, 0], [0.9, 0.2, 0.1, 0.8], 1 / 3),
        ([1, 0], [0.5, 0.9], 1.0),
        ([1, 0], [0.4, 0.9], 0.0),
        ([0, 0], [0.9, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A prediction at the threshold is positive; without a positive row there is no recall."""
    found = TestRecall.value(Recall(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_array_equal(found, [expected])


def test_undefined_has_a_reason():
    """A slice that divides by 0 says why it has no value, and its neighbour has one."""
    table = pa.table({"y": [0, 0, 1, 0], "p": [0.4, 0.9, 0.9, 0.2], "carrier": ["AA", "AA", "DL", "DL"]})
    report = evaluate_predictions(table, label="y", prediction="p", metrics=["recall"], slices=["carrier"])
    undefined, defined = (report.slice({"carrier": carrier})["recall"] for carrier in ("AA", "DL"))
    assert np.isnan(undefined.value)
    assert undefined.reason == "no row is positive"
    assert (defined.value, defined.reason) == (1.0, "")


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_threshold_must_be_finite(threshold):
    """A threshold that decides every row the same way is a mistake, said when it is made."""
    with pytest.raises(InvalidInput, match="threshold"):
        Recall(threshold=threshold)
