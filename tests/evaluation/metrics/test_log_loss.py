"""log_loss: scikit-learn's for float32 predictions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from headrace.evaluation.metrics.log_loss import LogLoss
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestLogLoss(MetricCases):
    """The conformance suite against scikit-learn, whose clip depends on the type of the predictions."""

    @pytest.fixture
    def metric(self):
        """Log_loss has no parameters."""
        return LogLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's, after our clip."""
        clipped = np.clip(prediction, 2.0**-23, 1.0 - 2.0**-23)
        return log_loss(label, clipped, sample_weight=weight, labels=[0, 1])


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1], [0.5], math.log(2)),
        ([1, 0], [0.8, 0.2], -math.log(0.8)),
        ([0], [1.0], 23 * math.log(2)),
        ([1], [0.0], 23 * math.log(2)),
        ([1], [1.0], -math.log(1 - 2.0**-23)),
        ([1], [1.1], math.nan),
        ([0], [-0.1], math.nan),
        ([1], [math.inf], math.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """A certain and wrong row costs 23 bits; what is no probability has no loss."""
    found = TestLogLoss.value(LogLoss(), np.array(label, np.float64), np.array(prediction))[0]
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_equals_scikit_learn_on_float32():
    """With float32 predictions, certain ones among them, scikit-learn clips as we do."""
    label, prediction, _ = TestLogLoss.rows(1000, 3)
    single = prediction.astype(np.float32)
    assert {0.0, 1.0} <= set(single.tolist())
    found = TestLogLoss.value(LogLoss(), label, single.astype(np.float64))[0]
    # scikit-learn takes logarithms of float32, of which each has 24 bits.
    assert found == pytest.approx(log_loss(label, single), rel=1e-6)


def test_a_logarithm_does_not_depend_on_its_batch():
    """Rows one at a time, or any number together, have the same logarithms, on which the exact sums rest."""
    label, prediction, _ = TestLogLoss.rows(100, 5, ties=False)
    whole = LogLoss().terms(label, prediction)[0]
    for size in (1, 2, 3, 7, 31):
        parts = [
            LogLoss().terms(label[at : at + size], prediction[at : at + size])[0] for at in range(0, len(label), size)
        ]
        assert TestLogLoss.same(np.concatenate(parts), whole)


class TestLogLossOfClasses(ClassMetricCases):
    """The conformance suite of several classes, against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return LogLoss()

    def oracle(self, label, prediction, weight):
        """scikit-learn's where no probability is 0, which it clips by the type of number; else the definition."""
        if (prediction > 0.0).all():
            return log_loss(label, prediction, sample_weight=weight, labels=[0, 1, 2, 3])
        own = prediction[np.arange(len(label)), label.astype(np.int64)]
        return np.average(-np.log(np.clip(own, 2.0**-23, 1.0 - 2.0**-23)), weights=weight)
