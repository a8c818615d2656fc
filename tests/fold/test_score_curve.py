"""ScoreCurve: exact runs of equal scores."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.fold import Rows, encode, score_curve
from headrace.fold.score_curve import ScoreCurve
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


class TestLaws(FoldLaws):
    """The laws, on labels and scores of any value; weights are multiples of 1/8 or none."""

    folds: ClassVar = [ScoreCurve()]
    rows = strategies.rows({"label": "boolean", "prediction": "number"})


class TestAnyLabelLaws(FoldLaws):
    """The laws on labels that are rarely 0 or 1, and integer scores."""

    folds: ClassVar = [ScoreCurve()]
    rows = strategies.rows({"label": "number", "prediction": "integer"})


@pytest.fixture
def eager(monkeypatch):
    """Sort rows in as soon as two wait, so that every path through the state is taken."""
    monkeypatch.setattr(score_curve, "_WAITING_ROWS", 1)


@pytest.mark.usefixtures("eager")
class TestEagerLaws(FoldLaws):
    """The laws where runs are sorted in after every batch."""

    folds: ClassVar = [ScoreCurve()]
    rows = strategies.rows({"label": "boolean", "prediction": "number"})


def curve_of(label, prediction, weight=None, groups=None, num_groups=1):
    """The result of one batch."""
    fold = ScoreCurve()
    weights = None if weight is None else np.array(weight, np.float64)
    rows = Rows(pa.RecordBatch.from_pydict({"label": label, "prediction": prediction}), None, weights)
    groups = None if groups is None else np.array(groups, np.int32)
    return fold.extract(fold.add(fold.create(num_groups), rows, groups))


def test_runs_of_two_groups():
    """Scores ascend in each group, ties are one run, and what lies below is counted within the group."""
    curve = curve_of([1, 0, 0, 1, None], [0.5, 0.5, -1.0, 0.25, 0.1], groups=[0, 0, 0, 1, 1], num_groups=3)
    assert curve.num_rows.tolist() == [3, 1, 0]
    assert curve.group.tolist() == [0, 0, 1]
    assert curve.score.tolist() == [-1.0, 0.5, 0.25]
    assert curve.run_negative.tolist() == [1.0, 1.0, 0.0]
    assert curve.run_positive.tolist() == [0.0, 1.0, 1.0]
    assert curve.negative_below.tolist() == [0.0, 1.0, 0.0]
    assert curve.positive_below.tolist() == [0.0, 0.0, 0.0]
    assert curve.weight.tolist() == [3.0, 1.0, 0.0]
    assert curve.positive.tolist() == [1.0, 1.0, 0.0]


def test_zeros_of_both_signs_are_one_score_and_infinities_are_scores():
    """0.0 ties with -0.0; the infinities sort to the ends."""
    curve = curve_of([1, 0, 1, 0], [0.0, -0.0, math.inf, -math.inf])
    assert curve.score.tolist() == [-math.inf, 0.0, math.inf]
    assert curve.run_positive.tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(("label", "prediction", "weight"), [(2, 0.5, 1.0), (1, None, 1.0), (0, 0.5, -1.0)])
def test_unusable_rows_are_counted(label, prediction, weight):
    """A row that cannot be counted is in no run, and the totals of its group are NaN."""
    curve = curve_of([label, 1], [prediction, 0.5], [weight, 1.0])
    assert curve.num_invalid.tolist() == [1]
    assert curve.score.tolist() == [0.5]
    assert math.isnan(curve.weight[0])


def test_float32_and_float64_scores_give_the_same_bytes():
    """The fast path for float32 scores, and the general one, build the same state."""
    generator = np.random.default_rng(0)
    score = generator.normal(size=500).astype(np.float32)
    label = generator.integers(0, 2, 500)
    groups = generator.integers(0, 3, 500).astype(np.int32)
    fold = ScoreCurve()

    def state(weight):
        batch = pa.RecordBatch.from_pydict({"label": label, "prediction": score})
        return encode(fold, fold.add(fold.create(3), Rows(batch, None, weight), groups))

    assert state(None) == state(np.ones(500))


def test_a_batch_of_unusable_rows_beside_usable_ones():
    """A batch that gives no run at all is only counted, whatever waits beside it."""
    fold = ScoreCurve()
    state = fold.create(1)
    for label, prediction, weight in ((2, 0.5, None), (1, 0.1, np.ones(1)), (3, 0.5, None)):
        batch = pa.RecordBatch.from_pydict({"label": [label], "prediction": [prediction]})
        state = fold.add(state, Rows(batch, None, weight), None)
    curve = fold.extract(state)
    assert curve.score.tolist() == [0.1]
    assert curve.num_invalid.tolist() == [2]


def test_many_batches_with_fractional_weights_add_up():
    """Weights of 0.1 added 3,000 times over many merges are 300 within 3,000 roundings of 2^-41."""
    fold = ScoreCurve()
    rows = Rows(pa.RecordBatch.from_pydict({"label": [1, 0], "prediction": [0.5, 0.5]}), None, np.array([0.1, 0.7]))
    state = fold.create(1)
    for _ in range(3000):
        state = fold.add(state, rows, None)
    curve = fold.extract(state)
    assert curve.run_positive[0] == pytest.approx(300.0, abs=3000 * 2.0**-41)
    assert curve.weight[0] == pytest.approx(2400.0, abs=6000 * 2.0**-41)
