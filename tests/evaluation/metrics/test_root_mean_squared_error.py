"""root_mean_squared_error: scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

from headrace.evaluation.metrics.root_mean_squared_error import RootMeanSquaredError
from headrace.testing.metric_cases import MetricCases


class TestRootMeanSquaredError(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """It has no parameters."""
        return RootMeanSquaredError()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return root_mean_squared_error(label, prediction, sample_weight=weight)


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([2.0, -1.0], [2.0, -1.0], 0.0),
        ([0.0, 10.0], [3.0, 6.0], math.sqrt(12.5)),
        ([1e14, 0.0], [0.0, 0.0], 1e14 / math.sqrt(2)),
        ([0.0, 0.0], [3e-5, 4e-5], math.sqrt(12.5) * 1e-5),
        ([1.0], [math.inf], math.nan),
        ([1e300], [-1e300], math.nan),
        ([1.0], [math.nan], math.nan),
    ],
)
def test_by_hand(label, prediction, expected):
    """Large and tiny distances keep their digits; a row without a finite distance leaves no value."""
    found = TestRootMeanSquaredError.value(RootMeanSquaredError(), np.array(label), np.array(prediction))[0]
    assert found == pytest.approx(expected, rel=1e-10, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e9])
def test_labels_of_any_size(scale):
    """Labels that are no 0 and 1, of any size and sign, with weights: scikit-learn's value."""
    random = np.random.default_rng(7)
    label = random.normal(0.0, scale, 500)
    prediction, weight = label + random.normal(0.0, scale / 10, 500), random.uniform(0.0, 3.0, 500)
    found = TestRootMeanSquaredError.value(RootMeanSquaredError(), label, prediction, weight)[0]
    assert found == pytest.approx(root_mean_squared_error(label, prediction, sample_weight=weight), rel=1e-10)
