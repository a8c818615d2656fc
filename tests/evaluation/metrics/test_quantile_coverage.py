"""quantile_coverage: NumPy by its definition."""

import numpy as np
import pytest

from headrace.evaluation.metrics.quantile_coverage import QuantileCoverage
from headrace.testing.metric_cases import MetricCases


class TestQuantileCoverage(MetricCases):
    """The conformance suite against NumPy."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return QuantileCoverage()

    def oracle(self, label, prediction, weight):
        """By its definition."""
        return np.average(label <= prediction, weights=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 5.0], 0.75),
    ],
)
def test_by_hand(label, prediction, expected):
    """At the prediction is covered."""
    found = TestQuantileCoverage.value(QuantileCoverage(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
