"""The conformance suite of metrics that judge sets of labels: every one found by name passes it."""

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

__all__ = ["LABEL_METRICS", "LabelMetricCases"]

Floats = npt.NDArray[np.float64]

LABEL_METRICS = [name for name in lookup.names("metric") if lookup.find("metric", name).has_labels]


class LabelMetricCases(MetricLaws):
    """Inherit in a test class; every metric with `has_labels` that `headrace.lookup` finds then passes every case.

    For one metric override `metric` and `oracle`, as with `MetricCases`. Labels are float64[num_rows, 4] of 0 and 1,
    rows with none and with all among them, predictions float64[num_rows, 4] with ties, weights None or at least 0.
    """

    @staticmethod
    def fold(metric: Metric, width: int = 4) -> Fold[Any, Any]:
        """Over lists of so many."""
        return metric.needs_labels("y", "p", width)

    @pytest.fixture(params=LABEL_METRICS)
    def metric(self, request: pytest.FixtureRequest) -> Metric:
        """The metric under test; override to test one."""
        made: Metric = lookup.find("metric", request.param)()
        return made

    @staticmethod
    def rows(num_rows: int = 300, seed: int = 0, *, ties: bool = True) -> tuple[Floats, Floats, Floats]:
        """Labels, probabilities and integer weights (0 among them)."""
        generator = np.random.default_rng(seed)
        label = (generator.random((num_rows, 4)) < np.array([0.6, 0.4, 0.3, 0.5])).astype(np.float64)
        prediction = np.clip(0.3 * label + 0.7 * generator.random((num_rows, 4)), 0.0, 1.0)
        if ties:
            prediction = np.round(prediction * 4.0) / 4.0
        return label, prediction, generator.integers(0, 4, num_rows).astype(np.float64)

    @staticmethod
    def batch(label: Floats, prediction: Floats) -> pa.RecordBatch:
        """Lists `y` and `p`."""
        lists = [
            pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(one).reshape(-1)), one.shape[1])
            for one in (label, prediction)
        ]
        return pa.RecordBatch.from_arrays(lists, ["y", "p"])

    def test_grouped_is_each_group_alone(self, metric: Metric) -> None:
        """The law, with rows that are in no group among them."""
        super().test_grouped_is_each_group_alone(metric)
        label, prediction, weight = self.rows()
        groups = np.random.default_rng(2).integers(-1, 4, len(label)).astype(np.int32)
        grouped = self.value(metric, label, prediction, weight, groups=groups, num_groups=5)
        for group in range(4):
            chosen = groups == group
            alone = self.value(metric, label[chosen], prediction[chosen], weight[chosen])
            assert self.same(alone, grouped[group : group + 1])
        assert np.isnan(grouped[4])

    def test_no_rows_and_no_labels_have_answers(self, metric: Metric) -> None:
        """None is an error: no group, no rows, no weight, rows of no label and of all."""
        nothing = np.zeros((0, 4))
        assert self.value(metric, nothing, nothing, num_groups=0).shape == (0,)
        assert np.isnan(self.value(metric, nothing, nothing)).all()
        assert np.isnan(self.value(metric, np.ones((2, 4)), np.full((2, 4), 0.25), np.zeros(2))).all()
        for label in ([], [0, 1, 2, 3]):
            table = pa.table({"y": pa.array([label] * 3, pa.list_(pa.int64())), "p": [[0.4, 0.6, 0.2, 0.1]] * 3})
            found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
            assert found.num_rows == 3
            assert np.isnan(found.value) == bool(found.reason)

    def test_unusable_rows_make_it_nan(self, metric: Metric) -> None:
        """A missing or NaN probability is never passed over."""
        for prediction in (None, [0.2, 0.4, None, 0.4], [0.2, 0.4, float("nan"), 0.4]):
            table = pa.table({"y": [[0], [], [2, 1]], "p": pa.array([[0.7, 0.1, 0.1, 0.1], [0.25] * 4, prediction])})
            found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
            assert np.isnan(found.value)
            assert "1 of 3 rows have a label, prediction or weight that it cannot use" in found.reason

    def test_its_interval_is_that_of_resampling(self, metric: Metric) -> None:
        """The standard error is that of 300 bootstrap draws within a fifth."""
        label, prediction, _ = self.rows(400, 5, ties=False)
        table = pa.table({"y": [list(map(bool, row)) for row in label], "p": prediction.tolist()})
        found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
        generator = np.random.default_rng(3)
        drawn = []
        for _ in range(300):
            weight = generator.poisson(1.0, len(label)).astype(np.float64)
            drawn.append(float(self.value(metric, label, prediction.astype(np.float32), weight)[0]))
        assert found.std_error == pytest.approx(np.std(drawn), rel=0.2)

    @pytest.mark.parametrize("has_weight", [False, True])
    @pytest.mark.parametrize("num_rows", [5, 1000])
    def test_equals_the_oracle(self, metric: Metric, num_rows: int, has_weight: bool) -> None:
        """With and without weights, with and without ties, the value is the oracle's within 1e-10; NaN where it is."""
        for ties in (False, True):
            label, prediction, weight = self.rows(num_rows, num_rows, ties=ties)
            weight[:4] = 1.0
            weights: Any = weight if has_weight else None
            expected = self.oracle(label, prediction, weights)
            assert self.value(metric, label, prediction, weights)[0] == pytest.approx(
                expected, rel=1e-10, abs=1e-10, nan_ok=True
            )
