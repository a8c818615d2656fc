"""Brier: scikit-learn's brier_score_loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from headrace.evaluation.metrics.brier import Brier
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestBrier(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """Brier has no parameters."""
        return Brier()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return brier_score_loss(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0], [1.0, 0.0], 0.0),
        ([1, 0], [0.0, 1.0], 1.0),
        ([1, 0], [0.5, 0.5], 0.25),
        ([1], [1.5], math.nan),
        ([0], [-math.inf], math.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Perfect is 0, perfectly wrong is 1, a coin is a quarter; what is no probability has no score."""
    found = TestBrier.value(Brier(), np.array(label, np.float64), np.array(prediction))[0]
    assert found == pytest.approx(expected, abs=0.0, nan_ok=True)


class TestBrierOfClasses(ClassMetricCases):
    """The conformance suite of several classes, against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return Brier()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return brier_score_loss(label, prediction, sample_weight=weight, labels=[0, 1, 2, 3])
