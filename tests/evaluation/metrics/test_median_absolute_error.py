"""median_absolute_error: scikit-learn's."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import median_absolute_error

from headrace.evaluation import evaluate_predictions
from headrace.evaluation.metrics.median_absolute_error import MedianAbsoluteError
from headrace.testing.metric_cases import MetricCases


class TestMedianAbsoluteError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return MedianAbsoluteError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        times = np.ones(len(label), int) if weight is None else weight.astype(int)
        return median_absolute_error(np.repeat(label, times), np.repeat(prediction, times))


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.5, 2.0, 1.0], 0.5),
        ([1.0, 2.0], [1.0, 4.0], 1.0),
        ([1.0], [np.inf], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A few rows each."""
    found = TestMedianAbsoluteError.value(
        MedianAbsoluteError(), np.array(label, np.float64), np.array(prediction, np.float64)
    )
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_its_interval_is_drawn():
    """About that of a median of normal errors: 1.25 times the standard error of a mean, in units of the density."""
    generator = np.random.default_rng(0)
    label, prediction = generator.standard_normal((2, 2000))
    table = pa.table({"y": label, "p": prediction})
    found = evaluate_predictions(table, label="y", prediction="p", metrics=["median_absolute_error"])
    told = found["median_absolute_error"]
    assert told.lower < told.value < told.upper and 0.02 < told.std_error < 0.05
