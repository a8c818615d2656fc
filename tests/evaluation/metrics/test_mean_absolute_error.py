"""mean_absolute_error: scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from headrace.evaluation.metrics.mean_absolute_error import MeanAbsoluteError
from headrace.testing.metric_cases import MetricCases


class TestMeanAbsoluteError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """It has no parameters."""
        return MeanAbsoluteError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return mean_absolute_error(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([2.0, -1.0], [2.0, -1.0], 0.0),
        ([0.0, 10.0], [1.0, 7.0], 2.0),
        ([1e14], [0.0], 1e14),
        ([1.0], [math.inf], math.nan),
        ([1.0], [math.nan], math.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Large and tiny distances keep their digits; a row without a finite distance leaves no value."""
    found = TestMeanAbsoluteError.value(MeanAbsoluteError(), np.array(label), np.array(prediction))[0]
    assert found == pytest.approx(expected, rel=1e-12, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e9])
def test_labels_of_any_size(scale):
    """Labels that are no 0 and 1, of any size and sign, with weights: scikit-learn's value."""
    random = np.random.default_rng(7)
    label = random.normal(0.0, scale, 500)
    prediction, weight = label + random.normal(0.0, scale / 10, 500), random.uniform(0.0, 3.0, 500)
    found = TestMeanAbsoluteError.value(MeanAbsoluteError(), label, prediction, weight)[0]
    assert found == pytest.approx(
        mean_absolute_error(label, prediction, sample_weight=weight), rel=1e-6 if scale < 1 else 1e-10
    )
