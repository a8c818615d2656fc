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


def test_its_interval_holds_the_truth():
    """In 93 to 97 % of data sets, by three standard errors of 300: a normal's distance from 0 has median 0.6745."""
    generator = np.random.default_rng(0)
    table = pa.table({"y": generator.standard_normal(60_000), "p": np.zeros(60_000), "set": np.arange(60_000) % 300})
    found = evaluate_predictions(table, label="y", prediction="p", metrics=["median_absolute_error"], slices=["set"])
    cells = [cell["median_absolute_error"] for cell in found.cells[1:]]
    held = np.mean([one.lower <= 0.67449 <= one.upper for one in cells])
    assert 0.93 - 0.038 <= held <= 0.97 + 0.03
    spread = np.std([one.value for one in cells])
    assert np.mean([one.std_error for one in cells]) == pytest.approx(spread, rel=0.15)


def test_equal_errors_tell_no_interval():
    """How far others would be is not to be seen."""
    table = pa.table({"y": [1.0] * 30, "p": [0.5] * 30})
    found = evaluate_predictions(table, label="y", prediction="p", metrics=["median_absolute_error"])
    assert found["median_absolute_error"].value == 0.5 and found["median_absolute_error"].lower is None
