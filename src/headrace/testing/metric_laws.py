"""The laws of metrics, whatever they judge: rows in any order, weights that are rows, groups that are each alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from headrace.engine import build, describe
from headrace.evaluation import Metric
from headrace.fold import Fold, Rows, decode, encode

__all__ = ["MetricLaws"]

Floats = npt.NDArray[np.float64]


class MetricLaws:
    """What the suites of metrics inherit: say what rows are (`rows`, `batch`) and which fold reads them (`fold`)."""

    @staticmethod
    def fold(metric: Metric, width: int = 4) -> Fold[Any, Any]:
        """The metric's fold over columns `y` and `p`, where these are lists of so many."""
        raise NotImplementedError

    @staticmethod
    def batch(label: Floats, prediction: Floats) -> pa.RecordBatch:
        """Columns `y` and `p`."""
        raise NotImplementedError

    @staticmethod
    def rows(num_rows: int = 300, seed: int = 0, *, ties: bool = True) -> tuple[Floats, Floats, Floats]:
        """Labels, predictions and integer weights (0 among them)."""
        raise NotImplementedError

    def oracle(self, label: Floats, prediction: Floats, weight: Floats | None) -> float:
        """What the metric should be, computed by something else; override, or no comparison is made."""
        pytest.skip("no oracle")

    @classmethod
    def value(
        cls,
        metric: Metric,
        label: Floats,
        prediction: Floats,
        weight: Floats | None = None,
        *,
        groups: npt.NDArray[np.int32] | None = None,
        num_groups: int = 1,
    ) -> Floats:
        """The metric of each group, in one batch."""
        fold = cls.fold(metric, *prediction.shape[1:])
        state = fold.add(fold.create(num_groups), Rows(cls.batch(label, prediction), None, weight), groups)
        return metric.value(fold.extract(state))

    @staticmethod
    def same(one: Floats, other: Floats) -> bool:
        """Whether two results have the same bits, NaN included."""
        return np.asarray(one, np.float64).tobytes() == np.asarray(other, np.float64).tobytes()

    def test_its_fold_travels(self, metric: Metric) -> None:
        """The fold's description is plain data and builds an equal fold; another name changes nothing in it."""
        fold = self.fold(metric)
        assert build(json.loads(json.dumps(describe(fold)))) == fold
        assert self.fold(type(metric)(name="other", **metric.parameters)) == fold

    def test_order_of_rows_cannot_be_seen(self, metric: Metric) -> None:
        """Any permutation, and any cut into batches, gives the same bits."""
        label, prediction, weight = self.rows()
        fold = self.fold(metric)
        order = np.random.default_rng(1).permutation(len(label))
        for weights in (None, weight, weight / 7.0):
            whole = self.value(metric, label, prediction, weights)
            shuffled = None if weights is None else weights[order]
            assert self.same(whole, self.value(metric, label[order], prediction[order], shuffled))
            state = fold.create(1)
            for start in range(0, len(label), 37):
                part = order[start : start + 37]
                batch = self.batch(label[part], prediction[part])
                state = fold.add(state, Rows(batch, None, None if weights is None else weights[part]), None)
            state = decode(fold, encode(fold, state))
            assert self.same(whole, metric.value(fold.extract(state)))

    def test_weights_are_repeated_rows(self, metric: Metric) -> None:
        """A weight of 3 is the row three times, a weight of 0 the row not at all, 1 everywhere no weight."""
        label, prediction, weight = self.rows()
        times = weight.astype(np.int64)
        repeated = self.value(metric, np.repeat(label, times, axis=0), np.repeat(prediction, times, axis=0))
        np.testing.assert_allclose(self.value(metric, label, prediction, weight), repeated, rtol=1e-11, atol=1e-11)
        plain = self.value(metric, label, prediction)
        assert self.same(self.value(metric, label, prediction, np.ones(len(label))), plain)

    def test_grouped_is_each_group_alone(self, metric: Metric) -> None:
        """A group's value does not depend on the other groups; one without rows is NaN."""
        label, prediction, weight = self.rows()
        groups = np.random.default_rng(2).integers(0, 4, len(label)).astype(np.int32)
        for weights in (None, weight / 7.0):
            grouped = self.value(metric, label, prediction, weights, groups=groups, num_groups=5)
            assert grouped.shape == (5,)
            for group in range(4):
                chosen = groups == group
                mine = None if weights is None else weights[chosen]
                alone = self.value(metric, label[chosen], prediction[chosen], mine)
                assert self.same(alone, grouped[group : group + 1])
            assert np.isnan(grouped[4])
