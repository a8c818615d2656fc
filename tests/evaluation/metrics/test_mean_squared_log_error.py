"""mean_squared_log_error: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_squared_log_error

from headrace.evaluation.metrics.mean_squared_log_error import MeanSquaredLogError
from headrace.testing.metric_cases import MetricCases


class TestMeanSquaredLogError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return MeanSquaredLogError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return mean_squared_log_error(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([0.0], [np.e - 1.0], 1.0),
        ([1.0], [-0.5], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Below 0 there is no logarithm to speak of."""
    found = TestMeanSquaredLogError.value(MeanSquaredLogError(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
