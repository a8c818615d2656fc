"""cost_weighted_error: the mean cost of a row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

import headrace
from headrace.errors import InvalidInput
from headrace.evaluation.metrics.cost_weighted_error import CostWeightedError
from headrace.testing.metric_cases import MetricCases


class TestCostWeightedError(MetricCases):
    """The conformance suite against scikit-learn's confusion matrix."""

    @pytest.fixture
    def metric(self):
        """Costs and a threshold that are not the defaults."""
        return CostWeightedError(fp=1, fn=5, threshold=0.4)

    def oracle(self, label, prediction, weight):
        """The matrix times the costs."""
        matrix = confusion_matrix(label, prediction >= 0.4, sample_weight=weight, normalize="all")
        return matrix[0, 1] + 5.0 * matrix[1, 0]


@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [
        ([1, 0, 1, 0], [0.9, 0.1, 0.5, 0.4], 0.0),
        ([1, 0], [0.1, 0.1], 2.5),
        ([1, 0], [0.9, 0.9], 0.5),
        ([1, 0], [0.49999, 0.5], 3.0),
        ([1, 0], [math.inf, -math.inf], 0.0),
    ],
)
def test_by_hand(label, prediction, expected):
    """A prediction at the threshold is positive; a miss costs five, a false alarm one."""
    metric = CostWeightedError(fp=1, fn=5)
    found = TestCostWeightedError.value(metric, np.array(label, np.float64), np.array(prediction))[0]
    assert found == expected


@pytest.mark.parametrize("parameters", [{"fp": -1}, {"fn": math.nan}, {"threshold": math.inf}])
def test_costs_have_limits(parameters):
    """A negative cost, or one that is not finite, is refused where it is written."""
    with pytest.raises(InvalidInput, match="cost_weighted_error"):
        CostWeightedError(**parameters)


def test_found_by_both_names():
    """`headrace.CostWeightedError` is the class of the metric that users type as text."""
    assert headrace.CostWeightedError is CostWeightedError
    assert CostWeightedError(fp=1).name == "cost_weighted_error"
    assert CostWeightedError(fp=1) == CostWeightedError(fp=1.0)
