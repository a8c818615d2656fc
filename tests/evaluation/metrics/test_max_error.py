"""max_error: scikit-learn's."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import max_error

from headrace.evaluation import evaluate_predictions, gate
from headrace.evaluation.metrics.max_error import MaxError
from headrace.testing.metric_cases import MetricCases


class TestMaxError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return MaxError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        kept = slice(None) if weight is None else weight > 0
        return max_error(label[kept], prediction[kept])


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.5, 2.0, 1.0], 2.0),
        ([1.0], [1.0], 0.0),
        ([1.0], [np.inf], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A few rows each."""
    found = TestMaxError.value(MaxError(), np.array(label, np.float64), np.array(prediction, np.float64))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_one_row_tells_no_interval():
    """A rule on it is sure of nothing; by value it is judged."""
    table = pa.table({"y": [1.0, 2.0, 3.0], "p": [1.0, 2.5, 3.0]})
    found = evaluate_predictions(table, label="y", prediction="p", metrics=["max_error", "mean_absolute_error"])
    assert found["max_error"].lower is None
    assert not gate(None, found, rules=["max_error <= 1"]).ok
    assert gate(None, found, rules=["max_error <= 1 by value"]).ok
