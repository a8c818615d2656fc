"""cost_weighted_error: the mean cost of a row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

import headrace
from headrace.errors import InvalidInput
from headrace.evaluation.metrics.cost_weighted_error import CostWeightedError
from headrace.testing.class_metric_cases import ClassMetricCases
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


class TestCostWeightedErrorOfClasses(ClassMetricCases):
    """The conformance suite of several classes, by a matrix."""

    @pytest.fixture
    def metric(self):
        """Costs of four classes; the second earns where it is right."""
        return CostWeightedError(matrix=MATRIX)

    def oracle(self, label, prediction, weight):
        """The confusion matrix of scikit-learn, times the costs."""
        cells = confusion_matrix(label, prediction.argmax(axis=1), sample_weight=weight, labels=[0, 1, 2, 3])
        return (cells * np.array(MATRIX)).sum() / cells.sum()

    def test_no_rows_and_one_class_have_answers(self, metric):
        """A label that is no class has no cost."""
        value = self.value(metric, np.array([4.0]), np.full((1, 4), 0.25))
        assert np.isnan(value).all()


MATRIX = ((0, 1, 2, 3), (4, -1, 0.5, 1), (9, 1, 0, 1), (1, 1, 1, 0))


def test_a_matrix_that_is_none_is_refused():
    """Not square, no numbers, of other classes; none at all is the error rate."""
    for matrix in (((0, 1),), ((0, "x"), (1, 0)), ((0, float("inf")), (1, 0)), 3):
        with pytest.raises(InvalidInput, match="as many rows as columns"):
            CostWeightedError(matrix=matrix)
    with pytest.raises(InvalidInput, match=r"a matrix of 4 classes.*3 rows and columns"):
        CostWeightedError(matrix=MATRIX).needs_classes("y", "p", 3)
    shares = np.eye(3)[[0, 1, 1]]
    assert ClassMetricCases.value(CostWeightedError(), np.array([0.0, 1.0, 3.0]), shares)[0] == pytest.approx(1 / 3)
    assert "matrix" not in CostWeightedError().parameters
