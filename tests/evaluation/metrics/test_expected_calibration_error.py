"""expected_calibration_error: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.expected_calibration_error import ExpectedCalibrationError
from headrace.testing.metric_cases import MetricCases


class TestExpectedCalibrationError(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return ExpectedCalibrationError()

    def oracle(self, label, prediction, weight):
        """By its definition."""
        index = np.minimum((prediction * 10).astype(int), 9)
        weights = np.ones(len(label)) if weight is None else weight
        bins = [np.abs(((prediction - label) * weights)[index == one].sum()) for one in range(10)]
        return np.sum(bins) / weights.sum()


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0], [0.75, 0.25], 0.25),
        ([1, 0], [0.55, 0.55], 0.05),
        ([1, 1], [1.0, 1.0], 0.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """Errors within a bin cancel, those of different bins do not."""
    found = TestExpectedCalibrationError.value(
        ExpectedCalibrationError(), np.array(label, np.float64), np.array(prediction)
    )
    np.testing.assert_allclose(found, [expected], atol=1e-12)
