"""calibration_ratio: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.calibration_ratio import CalibrationRatio
from headrace.testing.metric_cases import MetricCases


class TestCalibrationRatio(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return CalibrationRatio()

    def oracle(self, label, prediction, weight):
        """By its definition."""
        weights = np.ones(len(label)) if weight is None else weight
        return prediction @ weights / (label @ weights)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0], [0.5, 0.7], 1.2),
        ([0, 0], [0.5, 0.7], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Nothing to divide by has no ratio."""
    found = TestCalibrationRatio.value(CalibrationRatio(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
