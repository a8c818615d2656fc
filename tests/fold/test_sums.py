"""Sums: exact, commutative, weighted sums of a metric's terms."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import UnknownName
from headrace.fold import Rows
from headrace.fold._fixed_point import sum_by_group, to_float
from headrace.fold.replicates import poisson_counts
from headrace.fold.sums import Sums
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


class TestSumsLaws(FoldLaws):
    """The laws, on labels and predictions of any value, and with replicates."""

    folds: ClassVar = [
        Sums("brier"),
        Sums("log_loss"),
        Sums("cost_weighted_error", {"fn": 5.0, "threshold": -1.0}),
        Sums("brier", replicates=3, seed=7),
    ]
    rows = strategies.rows({"label": "number", "prediction": "number"})


class TestBooleanLabelLaws(FoldLaws):
    """The laws on labels that are booleans, where most rows are valid."""

    folds: ClassVar = [Sums("cost_weighted_error"), Sums("cost_weighted_error", replicates=2)]
    rows = strategies.rows({"label": "boolean", "prediction": "number"})


def make_rows(label, prediction, weight=None, row_id=None):
    """Rows of two columns."""
    return Rows(
        pa.RecordBatch.from_pydict({"label": label, "prediction": prediction}),
        row_id,
        None if weight is None else np.array(weight, np.float64),
    )


def folded(fold, rows, groups=None, num_groups=1):
    """The result of one batch."""
    return fold.extract(fold.add(fold.create(num_groups), rows, groups))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(-(2.0**49), 2.0**49) | st.floats(-2.0, 2.0), max_size=50))
def test_fixed_point_is_the_exact_sum_of_rounded_values(values):
    """128-bit sums equal the sum in rational arithmetic of values rounded to 2^-40, each taken any number of times."""
    array = np.array(values, np.float64)
    groups = np.zeros(len(values), np.int32)
    exact = [Fraction(round(Fraction(value) * 2**40), 2**40) for value in values]
    for counts in (None, np.arange(len(values), dtype=np.uint8) % 21):
        high, low = sum_by_group(array, groups, 1, counts)
        times = [1] * len(values) if counts is None else counts.tolist()
        expected = sum((value * count for value, count in zip(exact, times, strict=True)), Fraction(0))
        assert Fraction(int(high[0]) * 2**64 + int(low[0]), 2**40) == expected
        assert math.isclose(to_float(high, low)[0], float(expected), rel_tol=3e-16)


def test_mean_of_terms():
    """Means are weighted; rows without a label are left out and not counted."""
    rows = make_rows([1, 0, None, 1], [0.5, 0.25, 0.9, 1.0], [2.0, 1.0, 5.0, 1.0])
    result = folded(Sums("brier"), rows)
    assert result.num_rows.tolist() == [3]
    assert result.weight.tolist() == [4.0]
    assert result.positive.tolist() == [3.0]
    assert result.means[0].tolist() == [(2 * 0.25 + 0.0625) / 4]


@pytest.mark.parametrize(
    ("label", "prediction", "weight"),
    [
        (2, 0.5, 1.0),
        (1, None, 1.0),
        (1, math.nan, 1.0),
        (1, 0.5, math.nan),
        (1, 0.5, -1.0),
        (1, 1.5, 1.0),
        (1, 0.5, 1e300),
    ],
)
def test_a_row_that_cannot_be_counted_makes_its_group_nan(label, prediction, weight):
    """One unusable row is counted as invalid and its group's sums are NaN; other groups are untouched."""
    rows = make_rows([label, 1], [prediction, 0.5], [weight, 1.0])
    result = folded(Sums("brier"), rows, np.array([0, 1], np.int32), 2)
    assert result.num_invalid.tolist() == [1, 0]
    assert math.isnan(result.means[0][0])
    assert result.means[0][1] == 0.25


def test_no_rows_is_nan_not_an_error():
    """An empty group has weight 0 and mean NaN."""
    result = Sums("brier").extract(Sums("brier").create(2))
    assert result.weight.tolist() == [0.0, 0.0]
    assert np.isnan(result.means[0]).all()


def test_equal_folds_are_equal():
    """Parameters as mapping, pairs or lists in any order make one fold, which an engine runs once."""
    one = Sums("cost_weighted_error", {"fp": 1.0, "fn": 2.0})
    assert one == Sums("cost_weighted_error", [["fn", 2.0], ["fp", 1.0]])
    assert hash(one) == hash(Sums("cost_weighted_error", (("fn", 2.0), ("fp", 1.0))))


def test_unknown_metric_is_named():
    """A name that is no metric is answered with the nearest."""
    with pytest.raises(UnknownName, match="did you mean 'brier'"):
        Sums("brie").create(1)


def test_replicates_are_sums_of_repeated_rows():
    """Replicate r is exactly the data with each row repeated as often as its Poisson count says."""
    generator = np.random.default_rng(3)
    label, prediction = generator.integers(0, 2, 50), generator.random(50)
    row_id = generator.integers(0, 2**63, 50).astype(np.uint64)
    fold = Sums("brier", replicates=4, seed=11)
    state = fold.add(fold.create(1), make_rows(label, prediction, row_id=row_id), None)
    for replicate in range(1, 5):
        index = np.repeat(np.arange(50), poisson_counts(row_id, replicate, 11))
        alone = folded(Sums("brier"), make_rows(label[index], prediction[index]))
        assert fold.extract_replicate(state, replicate).totals[0].tolist() == alone.totals[0].tolist()
    assert fold.extract(state).num_rows.tolist() == [50]


def test_poisson_counts_are_poisson():
    """Counts have mean and variance 1 and the right zeros, and their totals vary by sqrt(rows) over replicates."""
    row_id = np.arange(20_000, dtype=np.uint64)
    counts = np.array([poisson_counts(row_id, replicate, 5) for replicate in range(1, 201)])
    assert abs(counts.mean() - 1.0) < 0.003
    assert abs(counts.var() - 1.0) < 0.005
    assert abs((counts == 0).mean() - math.exp(-1)) < 0.001
    spread = counts.sum(axis=1, dtype=np.float64).std(ddof=1) / math.sqrt(len(row_id))
    assert abs(spread - 1.0) < 0.15  # three standard errors of a spread over 200 replicates
    between = np.corrcoef(counts[:20].astype(np.float64)) - np.eye(20)
    assert np.abs(between).max() < 0.035
