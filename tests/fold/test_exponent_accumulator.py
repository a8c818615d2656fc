"""Moments on exponent accumulators: exact whatever the order."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.fold import Rows
from headrace.fold.exponent_accumulator import Moments
from headrace.fold.kernels.powers import power_sums, to_integers, weighted_power_sums
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws

_INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300), min_size=1, max_size=200)


class TestNumberLaws(FoldLaws):
    """The laws on numbers."""

    folds = (Moments("x", "number"),)
    rows = strategies.rows({"x": "number"})


class TestIntegerLaws(FoldLaws):
    """The laws on integers."""

    folds = (Moments("x", "integer"),)
    rows = strategies.rows({"x": "integer"})


def _moments(values: object, kind: str = "number") -> list[float]:
    fold = Moments("x", kind)  # type: ignore[arg-type]
    array = values if isinstance(values, pa.Array) else pa.array(values)
    result = fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": array})), None))
    return [float(item[0]) for item in (result.mean, result.std_dev, result.skewness, result.kurtosis)]


def test_a_dozen_by_hand() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and standard deviation 2; nulls, NaN and infinities do not count."""
    mean, std_dev, skewness, kurtosis = _moments([2.0, 4.0, None, 4.0, 4.0, math.nan, 5.0, 5.0, 7.0, math.inf, 9.0])
    assert (mean, std_dev, skewness) == (5.0, 2.0, 0.65625)
    assert kurtosis == -0.21875


def test_nothing_and_constants() -> None:
    """No values: NaN. Equal values: no spread, and no shape to speak of."""
    assert all(math.isnan(item) for item in _moments(pa.array([None, None], pa.float64())))
    mean, std_dev, skewness, kurtosis = _moments([0.1] * 7)
    assert (mean, std_dev) == (0.1, 0.0)
    assert math.isnan(skewness)
    assert math.isnan(kurtosis)


def test_extremes_do_not_overflow() -> None:
    """The largest and smallest floats, and the largest integers, have exact moments."""
    assert _moments([1.7e308, -1.7e308]) == [0.0, 1.7e308, 0.0, -2.0]
    assert _moments([5e-324, 5e-324, 0.0, 0.0]) == [0.0, 0.0, 0.0, -2.0]  # half a denormal rounds to even
    assert _moments([2**63 - 1, -(2**63)], "integer")[:2] == [-0.5, 2.0**63]


@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e6, 1e9])
def test_shape_survives_a_far_mean(ratio: float) -> None:
    """Skewness and kurtosis are right to 1e-12 of the exact rational numbers however far the mean is from zero."""
    values = np.random.default_rng(7).normal(ratio, 1.0, 400)
    exact = [Fraction(item) for item in values.tolist()]
    mean = sum(exact) / len(exact)
    second, third, fourth = (sum((item - mean) ** power for item in exact) / len(exact) for power in (2, 3, 4))
    expected = [mean, math.sqrt(second), float(third) / math.sqrt(second) ** 3, float(fourth / second**2) - 3]
    assert _moments(values) == pytest.approx([float(item) for item in expected], rel=1e-12)


def test_scipy_agrees() -> None:
    """SciPy's moments of 20,000 log-normal values are ours."""
    values = np.random.default_rng(3).lognormal(0.0, 1.0, 20_000)
    expected = [values.mean(), values.std(), scipy.stats.skew(values), scipy.stats.kurtosis(values)]
    assert _moments(values) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(values=_INTEGERS, data=st.data())
def test_power_sums_equal_python_integers(values: list[int], data: st.DataObject) -> None:
    """The kernel's limbs are the sums that Python's integers give, in any segments, weighted or not."""
    array = np.array(values, np.int64)
    starts = np.array(sorted({0, *data.draw(st.lists(st.integers(0, len(values) - 1), max_size=3))}), np.int64)
    counts = np.array(data.draw(st.lists(st.integers(1, 2**40), min_size=len(values), max_size=len(values))), np.int64)
    plain, weighted = power_sums(array, starts), weighted_power_sums(array, counts, starts)
    for row, (first, last) in enumerate(zip(starts, [*starts[1:], len(values)], strict=True)):
        inside, times = values[first:last], counts[first:last].tolist()
        assert to_integers(plain[row]) == [sum(item**k for item in inside) for k in (1, 2, 3, 4)]
        expected = [sum(c * item**k for item, c in zip(inside, times, strict=True)) for k in (1, 2, 3, 4)]
        assert to_integers(weighted[row]) == expected


def test_long_blocks_are_exact() -> None:
    """Many equal extremes fill the limbs as far as they go, over more rows than a block."""
    values = np.full(40_000, -(2**63), np.int64)
    sums = power_sums(values, np.array([0], np.int64))
    assert to_integers(sums[0]) == [40_000 * (-(2**63)) ** k for k in (1, 2, 3, 4)]
