"""r2: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from headrace.evaluation.metrics.r2 import R2
from headrace.testing.metric_cases import MetricCases


class TestR2(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return R2()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return r2_score(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], 0.5),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], 0.0),
        ([2.0, 2.0], [2.0, 1.0], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """The mean explains nothing; equal labels leave nothing to explain."""
    found = TestR2.value(R2(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
