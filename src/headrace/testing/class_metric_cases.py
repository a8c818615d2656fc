"""The conformance suite of metrics that judge models of several classes: every one found by name passes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from headrace import lookup
from headrace.evaluation import Metric, evaluate_predictions
from headrace.fold import Fold
from headrace.testing.metric_laws import MetricLaws

__all__ = ["CLASS_METRICS", "ClassMetricCases"]

Floats = npt.NDArray[np.float64]

CLASS_METRICS = [name for name in lookup.names("metric") if lookup.find("metric", name).has_classes]


class ClassMetricCases(MetricLaws):
    """Inherit in a test class; every metric with `has_classes` that `headrace.lookup` finds then passes every case.

    For one metric override `metric` and `oracle`, as with `MetricCases`. Labels are 0 .. 3, predictions
    float64[num_rows, 4] with ties, weights None or at least 0.
    """

    @pytest.fixture(params=CLASS_METRICS)
    def metric(self, request: pytest.FixtureRequest) -> Metric:
        """The metric under test; override to test one."""
        made: Metric = lookup.find("metric", request.param)()
        return made

    @staticmethod
    def rows(num_rows: int = 300, seed: int = 0, *, ties: bool = True) -> tuple[Floats, Floats, Floats]:
        """Labels, probabilities and integer weights (0 among them)."""
        generator = np.random.default_rng(seed)
        label = generator.integers(0, 4, num_rows)
        powers = np.exp(generator.normal(size=(num_rows, 4)) + np.eye(4)[label])
        prediction = powers / powers.sum(axis=1, keepdims=True)
        if ties:  # quarters, which add up to 1
            cuts = np.sort(np.round(generator.random((num_rows, 3)) * 4.0), axis=1)
            prediction = np.diff(cuts, axis=1, prepend=0.0, append=4.0) / 4.0
        return label.astype(np.float64), prediction, generator.integers(0, 4, num_rows).astype(np.float64)

    @staticmethod
    def fold(metric: Metric, width: int = 4) -> Fold[Any, Any]:
        """Of a probability for each class."""
        return metric.needs_classes("y", "p", width)

    @staticmethod
    def batch(label: Floats, prediction: Floats) -> pa.RecordBatch:
        """Labels `y` and lists `p`."""
        items = pa.array(np.ascontiguousarray(prediction, np.float64).reshape(-1), pa.float64())
        lists = pa.FixedSizeListArray.from_arrays(items, prediction.shape[1])
        return pa.RecordBatch.from_arrays([pa.array(label, pa.float64()), lists], ["y", "p"])

    def test_no_rows_and_one_class_have_answers(self, metric: Metric) -> None:
        """None is an error: no group, no rows, no weight, rows of one class, a label that is no class."""
        nothing = np.zeros((0, 4))
        assert self.value(metric, np.zeros(0), nothing, num_groups=0).shape == (0,)
        assert np.isnan(self.value(metric, np.zeros(0), nothing)).all()
        assert np.isnan(self.value(metric, np.ones(2), np.full((2, 4), 0.25), np.zeros(2))).all()
        for label in (0, 9):
            for num_rows in (1, 5):
                table = pa.table({"y": [label] * num_rows, "p": [[0.4, 0.3, 0.2, 0.1]] * num_rows})
                found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
                assert found.num_rows == num_rows
                assert np.isnan(found.value) == bool(found.reason)

    def test_unusable_rows_make_it_nan(self, metric: Metric) -> None:
        """A missing or NaN probability is never passed over."""
        for prediction in (None, [0.2, 0.4, None, 0.4], [0.2, 0.4, float("nan"), 0.4]):
            table = pa.table({"y": [0, 1, 2], "p": pa.array([[0.7, 0.1, 0.1, 0.1], [0.25] * 4, prediction])})
            found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
            assert np.isnan(found.value)
            assert "1 of 3 rows have a label, prediction or weight that it cannot use" in found.reason

    @pytest.mark.parametrize("has_weight", [False, True])
    @pytest.mark.parametrize("num_rows", [5, 40, 1000])
    def test_equals_the_oracle(self, metric: Metric, num_rows: int, has_weight: bool) -> None:
        """With and without weights, with and without ties, the value is the oracle's within 1e-10; NaN where it is."""
        for ties in (False, True):
            label, prediction, weight = self.rows(num_rows, num_rows, ties=ties)
            label[:4], weight[:4] = (0.0, 1.0, 2.0, 3.0), 1.0
            weights: Any = weight if has_weight else None
            expected = self.oracle(label, prediction, weights)
            assert self.value(metric, label, prediction, weights)[0] == pytest.approx(
                expected, rel=1e-10, abs=1e-10, nan_ok=True
            )
