"""cohen_kappa: scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from headrace.evaluation.metrics.cohen_kappa import CohenKappa
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestCohenKappa(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return CohenKappa(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return cohen_kappa_score(label, prediction >= 0.3, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 1, 0, 0], [0.9, 0.1, 0.2, 0.1], 0.5),
        ([1, 0], [0.9, 0.9], 0.0),
        ([1, 1], [0.9, 0.9], np.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Always the same decision is chance."""
    found = TestCohenKappa.value(CohenKappa(), np.array(label, np.float64), np.array(prediction))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


class TestCohenKappaOfClasses(ClassMetricCases):
    """The conformance suite of several classes, against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return CohenKappa()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return cohen_kappa_score(label, prediction.argmax(axis=1), sample_weight=weight)
