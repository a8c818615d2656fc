"""kolmogorov_smirnov: the largest gap of scikit-learn's ROC curve."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from headrace.evaluation.metrics.kolmogorov_smirnov import KolmogorovSmirnov
from headrace.testing.metric_cases import MetricCases


class TestKolmogorovSmirnov(MetricCases):
    """The conformance suite against scikit-learn's curve."""

    @pytest.fixture
    def metric(self):
        """As it comes."""
        return KolmogorovSmirnov()

    def oracle(self, label, prediction, weight):
        """The largest gap of the curve."""
        false_positive, recall, _ = roc_curve(label, prediction, sample_weight=weight, drop_intermediate=False)
        return (recall - false_positive).max()


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.5),
        ([1, 0], [0.1, 0.9], 0.0),
        ([1, 0], [0.5, 0.5], 0.0),
        ([1, 1], [0.4, 0.1], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A model that ranks wrongly has nothing to show; ties cannot be parted."""
    found = TestKolmogorovSmirnov.value(KolmogorovSmirnov(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)
