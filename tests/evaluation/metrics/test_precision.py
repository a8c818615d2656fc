"""precision: scikit-learn's precision_score."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import precision_score

from headrace.errors import InvalidInput
from headrace.evaluation import evaluate_predictions
from headrace.evaluation.metrics.precision import Precision
from headrace.testing.metric_cases import MetricCases


class TestPrecision(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return Precision(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return precision_score(label, prediction >= 0.3, sample_weight=weight, zero_division=np.nan)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 0, 1], [0.9, 0.6, 0.7, 0.1], 1 / 3),
        ([1, 0], [0.5, 0.4], 1.0),
        ([0, 0], [0.9, 0.1], 0.0),
        ([1, 0], [0.4, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A prediction at the threshold is positive; where none is, there is no precision."""
    found = TestPrecision.value(Precision(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_array_equal(found, [expected])


def test_undefined_has_a_reason():
    """A slice that divides by 0 says why it has no value, and its neighbour has one."""
    table = pa.table({"y": [1, 0, 1, 0], "p": [0.4, 0.1, 0.9, 0.2], "carrier": ["AA", "AA", "DL", "DL"]})
    report = evaluate_predictions(table, label="y", prediction="p", metrics=["precision"], slices=["carrier"])
    undefined, defined = (report.slice({"carrier": carrier})["precision"] for carrier in ("AA", "DL"))
    assert np.isnan(undefined.value)
    assert undefined.reason == "nothing was predicted positive"
    assert (defined.value, defined.reason) == (1.0, "")


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_threshold_must_be_finite(threshold):
    """A threshold that decides every row the same way is a mistake, said when it is made."""
    with pytest.raises(InvalidInput, match="threshold"):
        Precision(threshold=threshold)
