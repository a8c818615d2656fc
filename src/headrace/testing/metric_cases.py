"""The conformance suite of metrics: every metric found by name passes it, and a new one needs no more than its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from headrace import lookup
from headrace.evaluation import Metric, evaluate_predictions
from headrace.fold import Fold
from headrace.testing.metric_laws import MetricLaws

__all__ = ["MetricCases"]

Floats = npt.NDArray[np.float64]


class MetricCases(MetricLaws):
    """Inherit in a test class; every metric that `headrace.lookup` finds then passes every case.

    For one metric, with parameters of your own and an oracle to compare with:

    class TestAccuracy(MetricCases):
        @pytest.fixture
        def metric(self):
            return Accuracy(threshold=0.3)

        def oracle(self, label, prediction, weight):
            return sklearn.metrics.accuracy_score(label, prediction >= 0.3, sample_weight=weight)

    Labels are 0 and 1, predictions float64 in 0..1 with ties, weights None or at least 0.
    """

    @pytest.fixture(params=[name for name in lookup.names("metric") if lookup.find("metric", name).has_numbers])
    def metric(self, request: pytest.FixtureRequest) -> Metric:
        """The metric under test; override to test one."""
        made: Metric = lookup.find("metric", request.param)()
        return made

    @staticmethod
    def rows(num_rows: int = 300, seed: int = 0, *, ties: bool = True) -> tuple[Floats, Floats, Floats]:
        """Labels, predictions and integer weights (0 among them)."""
        generator = np.random.default_rng(seed)
        label = generator.integers(0, 2, num_rows).astype(np.float64)
        prediction = np.clip(generator.normal(0.4 + 0.2 * label, 0.25, num_rows), 0.0, 1.0)
        if ties:
            prediction = np.round(prediction, 2)
        return label, prediction, generator.integers(0, 4, num_rows).astype(np.float64)

    @staticmethod
    def fold(metric: Metric, width: int = 4) -> Fold[Any, Any]:
        """Of one number a row."""
        return metric.needs("y", "p")

    @staticmethod
    def batch(label: Floats, prediction: Floats) -> pa.RecordBatch:
        """Numbers."""
        return pa.RecordBatch.from_pydict({"y": pa.array(label, pa.float64()), "p": pa.array(prediction, pa.float64())})

    def test_has_what_the_contract_asks(self, metric: Metric) -> None:
        """A metric says which way is up, why it may be undefined, and is a frozen value with a docstring."""
        assert isinstance(metric.higher_is_better, bool)
        assert isinstance(metric.is_binary, bool)
        assert metric.undefined
        assert (type(metric).__doc__ or "").strip()
        assert hash(metric) == hash(type(metric)(name=metric.name, **metric.parameters))

    def test_default_name_is_the_file(self, metric: Metric) -> None:
        """Without a name of its own a metric is called what users type; both spellings find it."""
        name = type(metric)().name
        assert lookup.find("metric", name) is type(metric)
        assert lookup.find_class(type(metric).__name__) is type(metric)

    def test_no_rows_is_nan(self, metric: Metric) -> None:
        """No group, and a group without rows, without labels or without weight, have answers; none is an error."""
        nothing = np.zeros(0)
        assert self.value(metric, nothing, nothing, num_groups=0).shape == (0,)
        assert np.isnan(self.value(metric, nothing, nothing)).all()
        assert np.isnan(self.value(metric, np.full(3, np.nan), np.full(3, 0.5))).all()
        assert np.isnan(self.value(metric, np.ones(2), np.full(2, 0.5), np.zeros(2))).all()

    def test_one_class_is_a_value_or_a_reason(self, metric: Metric) -> None:
        """Rows of one class give a number, or NaN with a reason; one row too."""
        for label in (0, 1):
            for num_rows in (1, 5):
                table = pa.table({"y": [label] * num_rows, "p": np.linspace(0.1, 0.9, num_rows)})
                found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
                assert found.num_rows == num_rows
                assert np.isnan(found.value) == bool(found.reason)

    def test_unusable_rows_make_it_nan(self, metric: Metric) -> None:
        """A missing or NaN prediction, or a label that is no 0 or 1 where it must be, is never passed over."""
        bad: Sequence[tuple[Any, Any]] = [(1, None), (0, float("nan")), *([(2, 0.5)] if metric.is_binary else [])]
        for label, prediction in bad:
            table = pa.table({"y": [0, 1, label], "p": [0.2, 0.7, prediction]})
            found = evaluate_predictions(table, label="y", prediction="p", metrics=[metric])[metric.name]
            assert np.isnan(found.value)
            assert "of 3 rows have a label, prediction or weight that it cannot use" in found.reason

    @pytest.mark.parametrize("has_weight", [False, True])
    @pytest.mark.parametrize("num_rows", [2, 7, 300, 5000])
    def test_equals_the_oracle(self, metric: Metric, num_rows: int, has_weight: bool) -> None:
        """With and without weights, with and without ties, the value is the oracle's within 1e-10; NaN where it is.

        Both labels occur, and predictions from 0.05 to 0.95: a metric with a threshold between these has a value.
        """
        for ties in (False, True):
            label, prediction, weight = self.rows(num_rows, num_rows, ties=ties)
            label[:2] = (0.0, 1.0)  # both classes, whatever was drawn, and both sides of any threshold between
            prediction[:2] = (0.95, 0.05) if ties else (0.05, 0.95)
            weight[:2] = 1.0
            weights = weight if has_weight else None
            expected = self.oracle(label, prediction, weights)
            assert self.value(metric, label, prediction, weights)[0] == pytest.approx(
                expected, rel=1e-10, abs=1e-10, nan_ok=True
            )
