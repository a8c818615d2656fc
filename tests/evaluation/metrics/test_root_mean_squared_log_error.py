"""root_mean_squared_log_error: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_squared_log_error

from headrace.evaluation.metrics.root_mean_squared_log_error import RootMeanSquaredLogError
from headrace.testing.metric_cases import MetricCases


class TestRootMeanSquaredLogError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """The metric under test."""
        return RootMeanSquaredLogError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return mean_squared_log_error(label, prediction, sample_weight=weight) ** 0.5


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([np.e - 1.0], [0.0], 1.0),
        ([0.0, 3.0], [0.0, 3.0], 0.0),
        ([-1.0], [1.0], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A few rows each."""
    found = TestRootMeanSquaredLogError.value(
        RootMeanSquaredLogError(), np.array(label, np.float64), np.array(prediction, np.float64)
    )
    np.testing.assert_allclose(found, [expected], atol=1e-12)
