"""Quantiles on ordered-key grids: the same state whatever the order, and bounds that hold."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.fold import Rows
from headrace.fold.cells import Cells
from headrace.fold.kernels.ordered_keys import NUM_CELLS, bounds_of, cells_of, move_cells, scale_of
from headrace.fold.ordered_grid import Quantiles
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws

_FLOATS = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0) | st.sampled_from(
    [0.0, 1.0, -1.0, 5e-324, -5e-324, 1.7e308, -1.7e308, 2.0**-40, 2.0**-41, 1.5]
)
_CHECK = settings(max_examples=300, deadline=None, derandomize=True, database=None)


class TestNumberLaws(FoldLaws):
    """The laws on numbers."""

    folds = (Quantiles("x", "number"),)
    rows = strategies.rows({"x": "number"})


class TestIntegerLaws(FoldLaws):
    """The laws on integers and timestamps, which are placed as floats."""

    folds = (Quantiles("x", "integer"), Quantiles("t", "timestamp"))
    rows = strategies.rows({"x": "integer", "t": "timestamp"})


def _cells(values: object) -> Cells:
    fold = Quantiles("x", "number")
    batch = pa.record_batch({"x": pa.array(values, pa.float64())})
    return fold.extract(fold.add(fold.create(1), Rows(batch), None))[0]


@_CHECK
@given(values=st.lists(_FLOATS, min_size=1, max_size=30))
def test_cells_bound_their_values_and_fit(values: list[float]) -> None:
    """A value lies between its cell's bounds, cells are in the order of values, and there are at most 65,536 + 1."""
    array = np.array(values)
    scale = scale_of(array.min(keepdims=True), array.max(keepdims=True))
    cells = cells_of(array, scale, None)
    low, high = bounds_of(cells, int(scale[0][0]), int(scale[1][0]))
    assert (low <= array).all()
    assert (array <= high).all()
    assert (np.diff(cells[np.argsort(array)]) >= 0).all()
    assert cells.max() - cells.min() <= NUM_CELLS


@_CHECK
@given(values=st.lists(_FLOATS, min_size=1, max_size=12), more=st.lists(_FLOATS, max_size=6))
def test_a_wider_range_moves_cells_exactly(values: list[float], more: list[float]) -> None:
    """Cells moved to a wider range's scale are the cells the values have there."""
    array, every = np.array(values), np.array(values + more)
    old = scale_of(array.min(keepdims=True), array.max(keepdims=True))
    new = scale_of(every.min(keepdims=True), every.max(keepdims=True))
    assert new[0][0] >= old[0][0]
    moved = move_cells(cells_of(array, old, None), np.zeros(len(array), np.int64), old, new)
    assert moved.tolist() == cells_of(array, new, None).tolist()


@_CHECK
@given(values=st.lists(_FLOATS, min_size=1, max_size=60), share=st.floats(0, 1))
def test_quantiles_lie_between_their_bounds(values: list[float], share: float) -> None:
    """The true quantile is never outside the bounds, and the estimate neither."""
    middle, low, high = (item[0] for item in _cells(values).quantiles([share]))
    ordered = sorted(values)
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    part = place - below
    true = ordered[below] * (1 - part) + ordered[above] * part
    assert low <= true <= high
    assert low <= middle <= high


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_numpy_agrees_on_quantiles(seed: int) -> None:
    """On 30,000 values of either sign, half a percent of the value is as far as an estimate goes from NumPy's."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.lognormal(0, 2, 20_000), -rng.pareto(1.1, 5_000), np.zeros(5_000)])
    shares = np.linspace(0.001, 0.999, 99)
    middle, low, high = _cells(values).quantiles(shares.tolist())
    expected = np.quantile(values, shares)
    assert middle == pytest.approx(expected, rel=0.005)
    assert (low <= expected).all()
    assert (expected <= high).all()


def test_zero_smallest_and_largest_are_exact() -> None:
    """A pile of zeros, of the smallest and of the largest value is seen as what it is."""
    cells = _cells([-1.0] * 3 + [0.0] * 4 + [1e-30, 0.5] + [9.0] * 3)
    exact = cells.low == cells.high
    atoms = dict(zip(cells.low[exact].tolist(), cells.counts[exact].tolist(), strict=True))
    assert {value: atoms[value] for value in (-1.0, 0.0, 9.0)} == {-1.0: 3, 0.0: 4, 9.0: 3}
    assert cells.counts.sum() == 12


def test_histogram_shares_out_what_an_edge_cuts() -> None:
    """Counts add up to all values; a cell cut in the middle gives to both sides."""
    values = np.random.default_rng(5).random(10_000)
    edges = np.linspace(values.min(), values.max(), 11)
    histogram = _cells(values).histogram(edges)
    assert histogram.sum() == pytest.approx(10_000)
    assert histogram == pytest.approx(np.histogram(values, edges)[0], abs=25)


def test_histogram_edges_may_lie_anywhere() -> None:
    """Values outside the edges are not counted; an exact value on the last edge is."""
    values = np.array([1.0, 2.0, 2.0, 3.0, 4.0])
    cells = Cells(values, values, np.ones(5, np.int64))
    assert cells.histogram(np.array([2.0, 2.5, 3.0])).tolist() == [2.0, 1.0]
    assert cells.histogram(np.array([-9.0, 0.0, 9.0])).tolist() == [0.0, 5.0]
