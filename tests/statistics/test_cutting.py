"""Slices by ranges and conditions, crossed with columns, are the rows that they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.statistics import Statistics, analyze

_RNG = np.random.default_rng(12)
_TABLE = pa.table(
    {
        "x": pa.array(_RNG.normal(size=1_000), mask=_RNG.random(1_000) < 0.1),
        "carrier": _RNG.choice(["AA", "UA"], 1_000, p=[0.9, 0.1]),
        "tags": pa.array([["a"] * int(number) for number in _RNG.integers(0, 3, 1_000)]),
        "w": _RNG.uniform(0, 2, 1_000),
    }
)
_SLICES = [{"x": [-1, 1]}, "x > 0", ["carrier", "x > 0"], ["carrier", {"x": [0]}]]


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    """Cut in every way, by weight."""
    return analyze(Dataset.from_arrow(_TABLE, weight="w"), slices=_SLICES)


def test_slices_are_the_rows_that_they_say(statistics: Statistics) -> None:
    """Each slice's figures are those of its rows alone, weights and lists too."""
    for values, mask in (
        ({"x cut at -1, 1": "-1 to 1"}, pc.and_(pc.greater_equal(_TABLE["x"], -1), pc.less(_TABLE["x"], 1))),
        ({"x > 0": True}, pc.greater(_TABLE["x"], 0)),
        ({"carrier": "UA", "x > 0": False}, pc.and_(pc.equal(_TABLE["carrier"], "UA"), pc.less_equal(_TABLE["x"], 0))),
        ({"x > 0": None}, pc.is_null(_TABLE["x"])),
        ({"carrier": "AA", "x cut at 0": None}, pc.and_(pc.equal(_TABLE["carrier"], "AA"), pc.is_null(_TABLE["x"]))),
    ):
        one = statistics.slice(values)
        alone = analyze(Dataset.from_arrow(_TABLE.filter(mask), weight="w"))
        assert one.num_rows == alone.num_rows > 0
        assert [one[name] for name in one.feature_names] == [alone[name] for name in one.feature_names]
    assert len(statistics.slices) == 4 + 3 + 6 + 6


def test_small_slices_are_left_out() -> None:
    """A slice under the least number of rows is not there; threads and saving change nothing."""
    every = analyze(Dataset.from_arrow(_TABLE), slices=_SLICES)
    large = analyze(Dataset.from_arrow(_TABLE), slices=_SLICES, min_slice_rows=100)
    assert [values for values in every.slices if every.slice(values).num_rows >= 100] == large.slices
    assert 0 < len(large.slices) < len(every.slices)


def test_nothing_can_be_seen_of_threads(statistics: Statistics, tmp_path: Path) -> None:
    """Another number of threads gives the same digest; what is saved can be loaded."""
    engine = LocalEngine(workers=1)
    again = analyze(Dataset.from_arrow(_TABLE, weight="w"), slices=_SLICES, engine=engine)
    assert again.digest == statistics.digest
    again.save(tmp_path)
    assert Statistics.load(tmp_path).slice({"x > 0": True})["x"] == statistics.slice({"x > 0": True})["x"]
