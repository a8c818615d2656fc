"""matthews_corrcoef: scikit-learn's."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import matthews_corrcoef

import headrace as hr
from headrace.errors import InvalidInput
from headrace.evaluation.metrics.matthews_corrcoef import MatthewsCorrcoef
from headrace.testing.class_metric_cases import ClassMetricCases
from headrace.testing.metric_cases import MetricCases


class TestMatthewsCorrcoef(MetricCases):
    """The conformance suite against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """A threshold that is not the default."""
        return MatthewsCorrcoef(threshold=0.3)

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return matthews_corrcoef(label, prediction >= 0.3, sample_weight=weight)


def test_by_hand():
    """All right, all wrong, and one of two right."""
    label = np.array([1.0, 0.0])
    assert TestMatthewsCorrcoef.value(MatthewsCorrcoef(), label, np.array([0.5, 0.4])).tolist() == [1.0]
    assert TestMatthewsCorrcoef.value(MatthewsCorrcoef(), label, np.array([0.4, 0.5])).tolist() == [-1.0]


def test_weights_count_by_proportion():
    """All weights times eight, the same value, to the bit."""
    label, prediction = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.1, 0.1, 0.2])
    weight = np.array([3.0, 1.0, 2.0, 2.0])
    small, large = (
        TestMatthewsCorrcoef.value(MatthewsCorrcoef(), label, prediction, w) for w in (weight, weight * 8.0)
    )
    assert small.tolist() == large.tolist()
    assert small[0] == pytest.approx(12 / np.sqrt(3 * 4 * 4 * 5))


def test_undefined():
    """All predictions on one side: no correlation, and why."""
    table = pa.table({"late": [1, 0], "p": [0.4, 0.1]})
    found = hr.evaluate_predictions(table, label="late", prediction="p", metrics=["matthews_corrcoef"])
    assert np.isnan(found["matthews_corrcoef"].value)
    assert found["matthews_corrcoef"].reason.startswith("all labels are the same")


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_bad_thresholds(threshold):
    """A threshold is finite."""
    with pytest.raises(InvalidInput, match="threshold"):
        MatthewsCorrcoef(threshold=threshold)


class TestMatthewsCorrcoefOfClasses(ClassMetricCases):
    """The conformance suite of several classes, against scikit-learn."""

    @pytest.fixture
    def metric(self):
        """As it is by default."""
        return MatthewsCorrcoef()

    def oracle(self, label, prediction, weight):
        """scikit-learn's."""
        return matthews_corrcoef(label, prediction.argmax(axis=1), sample_weight=weight)
