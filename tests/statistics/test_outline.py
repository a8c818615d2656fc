"""Outline: shapes that are known are called by their names, and noise is not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from headrace.fold import Distribution, Rows
from headrace.statistics.outline import Outline, outline_of


def _outline(values: npt.NDArray[np.float64], kind: str = "number", max_distinct: int = 65_536) -> Outline:
    fold = Distribution("x", kind, max_distinct)  # type: ignore[arg-type]
    array = pa.array(values).cast(pa.int64() if kind == "integer" else pa.float64())
    found = outline_of(fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": array})), None))[0])
    assert found is not None
    return found


@pytest.mark.parametrize("max_distinct", [65_536, 100])
@pytest.mark.parametrize("num_rows", [200, 3_000, 100_000])
def test_one_bell_is_one_peak(num_rows: int, max_distinct: int) -> None:
    """Twenty samples of a normal distribution: one peak near the middle, symmetric, 0.27 % beyond 3 sd."""
    found = [_outline(np.random.default_rng(at).normal(50, 5, num_rows), max_distinct=max_distinct) for at in range(20)]
    assert [len(one.peaks) for one in found] == [1] * 20
    assert all(abs(one.peaks[0] - 50) < 5 for one in found)
    if num_rows > 200:
        assert {one.words for one in found} == {"one peak, symmetric"}
        assert np.mean([one.share_beyond_3_sd for one in found]) == pytest.approx(0.0027, rel=0.2)


@pytest.mark.parametrize("num_rows", [1_000, 100_000])
def test_two_bells_are_two_peaks(num_rows: int) -> None:
    """A mixture has as many peaks as bells, where they are."""
    rng = np.random.default_rng(5)
    values = np.where(rng.random(num_rows) < 0.3, rng.normal(0, 1, num_rows), rng.normal(8, 1.5, num_rows))
    for max_distinct in (65_536, 100):
        low, high = _outline(values, max_distinct=max_distinct).peaks
        assert low == pytest.approx(0, abs=0.6) and high == pytest.approx(8, abs=0.6)
    three = np.concatenate([values, rng.normal(20, 1, num_rows)])
    assert len(_outline(three).peaks) == 3


def test_whole_numbers_make_no_comb() -> None:
    """Rounding to whole numbers, or to fives, is not many peaks."""
    rng = np.random.default_rng(6)
    values = rng.normal(300, 40, 20_000)
    assert len(_outline(values.round(), "integer").peaks) == 1
    assert len(_outline((values / 5).round() * 5, "integer").peaks) == 1
    assert len(_outline(rng.integers(0, 10, 5_000).astype(float), "integer").peaks) == 1


def test_tails_and_symmetry() -> None:
    """Uniform tails are light, Student's with 2 degrees heavy, a lognormal leans to the right."""
    rng = np.random.default_rng(7)
    flat = _outline(rng.uniform(size=20_000))
    assert (flat.symmetry, flat.left_tail, flat.right_tail, flat.share_beyond_3_sd) == (
        "symmetric",
        "light",
        "light",
        0,
    )
    assert _outline(rng.standard_t(2, 20_000)).words == "one peak, symmetric, heavy tails"
    long = _outline(rng.lognormal(0, 1, 20_000))
    assert (long.symmetry, long.right_tail) == ("right-skewed", "heavy") and long.share_beyond_3_sd > 0.01
    assert _outline(-rng.lognormal(0, 1, 20_000)).symmetry == "left-skewed"


def test_where_there_is_no_shape() -> None:
    """Few values, equal ones and texts have no outline; a spike with outliers has one peak."""
    fold, text = Distribution("x", "number"), Distribution("x", "text")
    for values in ([1.0] * 500, [float(at) for at in range(99)], []):
        rows = Rows(pa.record_batch({"x": pa.array(values, pa.float64())}))
        assert outline_of(fold.extract(fold.add(fold.create(1), rows, None))[0]) is None
    rows = Rows(pa.record_batch({"x": [str(at) for at in range(200)]}))
    assert outline_of(text.extract(text.add(text.create(1), rows, None))[0]) is None
    assert _outline(np.append(np.zeros(990), np.arange(10.0))).peaks == (0.0,)
