"""The weighted distribution: the laws, whole weights as repeated rows, and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.fold import Distribution, Rows
from headrace.fold.weighted import UNIT, WeightedDistribution
from headrace.testing.fold_laws import FoldLaws


def _rows(items: list[tuple[float | None, str | None, float]]) -> Rows:
    numbers, texts, weights = zip(*items, strict=True) if items else ((), (), ())
    batch = pa.record_batch({"x": pa.array(numbers, pa.float64()), "t": pa.array(texts, pa.string())})
    return Rows(batch, np.arange(len(items), dtype=np.uint64), np.array(weights, np.float64))


class TestWeightedLaws(FoldLaws):
    """The laws, as tables and as sketches."""

    folds = (
        WeightedDistribution("x", "number"),
        WeightedDistribution("x", "number", 2),
        WeightedDistribution("t", "text"),
        WeightedDistribution("t", "text", 1),
    )
    rows = st.lists(
        st.tuples(
            st.none() | st.sampled_from([0.0, -0.0, 1.5, -2.0, math.nan, math.inf, 1e300]),
            st.none() | st.sampled_from(["", "a", "b"]),
            st.sampled_from([0.0, 0.25, 1.0, 1e-9, 3.7]),
        ),
        max_size=20,
    ).map(_rows)


def test_whole_weights_are_repeated_rows() -> None:
    """A row of weight 3 counts as three: every figure is that of the repeated rows."""
    rng = np.random.default_rng(3)
    values, weights = rng.normal(size=500).round(2), rng.integers(0, 4, 500)
    fold, plain = WeightedDistribution("x", "number"), Distribution("x", "number")
    one = fold.extract(
        fold.add(fold.create(1), Rows(pa.record_batch({"x": values}), weight=weights.astype(float)), None)
    )[0]
    repeated = np.repeat(values, weights)
    other = plain.extract(plain.add(plain.create(1), Rows(pa.record_batch({"x": repeated})), None))[0]
    assert one.num_rows * UNIT == len(repeated)
    assert (one.mean, one.min, one.max) == (other.mean, other.min, other.max)
    assert one.std_dev == pytest.approx(other.std_dev, rel=1e-14)
    edges = np.linspace(-4, 4, 9).tolist()
    assert (one.histogram(edges) * UNIT).tolist() == other.histogram(edges).tolist()


def test_what_numpy_says_of_any_weights() -> None:
    """Mean and standard deviation equal NumPy's within the rounding of weights."""
    rng = np.random.default_rng(4)
    values, weights = rng.lognormal(size=2_000), rng.uniform(0, 5, 2_000)
    fold = WeightedDistribution("x", "number", 100)
    one = fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": values}), weight=weights), None))[0]
    mean = np.average(values, weights=weights)
    assert not one.is_exact
    assert one.mean == pytest.approx(mean, rel=1e-6)
    assert one.std_dev == pytest.approx(math.sqrt(np.average((values - mean) ** 2, weights=weights)), rel=1e-6)


def test_values_in_lists_weigh_as_their_row() -> None:
    """Each value of a list has the weight of its row; groups are those of the rows."""
    fold = WeightedDistribution("x", "integer", path=("[]",))
    rows = Rows(pa.record_batch({"x": pa.array([[1, 2], None, [], [3, None]])}), weight=np.array([2.0, 1.0, 1.0, 0.5]))
    found = fold.extract(fold.add(fold.create(2), rows, np.array([0, 0, 1, 1], np.int32)))
    assert [one.num_rows * UNIT for one in found] == [4.0, 1.0]
    assert (found[0].mean, found[1].mean, found[1].num_missing * UNIT) == (1.5, 3.0, 0.5)


def test_rows_without_weights_are_refused() -> None:
    """A data set without a weight role has no weighted figures, and a weight must be one that sums can hold."""
    fold, batch = WeightedDistribution("x", "number"), pa.record_batch({"x": [1.0]})
    with pytest.raises(InvalidInput, match="no weights"):
        fold.add(fold.create(1), Rows(batch), None)
    with pytest.raises(InvalidInput, match="at most"):
        fold.add(fold.create(1), Rows(batch, weight=np.array([1e13])), None)
