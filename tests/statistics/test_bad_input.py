"""What has nothing in it, or too much: figures that say so, or one clear error."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.errors import InvalidInput
from headrace.statistics import FeatureStatistics, analyze

_TYPES = [
    *(pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.bool_(), pa.string(), pa.large_binary(), pa.binary(3)),
    *(
        pa.date32(),
        pa.timestamp("ns", "UTC"),
        pa.duration("ms"),
        pa.time64("ns"),
        pa.decimal128(9, 2),
        pa.decimal256(50),
    ),
    *(pa.list_(pa.list_(pa.string())), pa.struct([pa.field("a", pa.int64())]), pa.map_(pa.string(), pa.int64())),
    *(pa.null(), pa.dictionary(pa.int8(), pa.string()), pa.list_view(pa.int64()), pa.month_day_nano_interval()),
]


def _one(array: pa.Array) -> FeatureStatistics:
    return analyze(Dataset.from_arrow(pa.table({"x": array})))["x"]


@pytest.mark.parametrize("data_type", _TYPES, ids=str)
def test_no_rows_and_nothing_but_nulls(data_type: pa.DataType) -> None:
    """Every type, without rows and without values: counts, and no figure that is not there."""
    for number in (0, 3):
        found = analyze(Dataset.from_arrow(pa.table({"x": pa.nulls(number, data_type), "y": pa.nulls(number)})))
        for name in ["x", *found.nested_names]:
            one = found[name]
            assert one.num_present == 0 and one.num_rows == one.num_missing
            assert (one.mean, one.min, one.median, one.mean_length, one.max_values) == (None, None, None, None, 0)
            assert (one.histogram, one.quantiles, one.top_values, one.outline, one.semantic) == ((), (), (), None, None)
            assert not one.num_distinct and repr(one)


def test_nothing_but_nan_or_infinities() -> None:
    """NaN and infinities are present, and in no other figure."""
    one = _one(pa.array([math.nan, math.nan, math.inf, -math.inf]))
    assert (one.num_present, one.num_nan, one.num_infinite, one.num_distinct) == (4, 2, 2, 0)
    assert (one.mean, one.min, one.histogram, one.outline) == (None, None, (), None)


def test_columns_that_are_none_or_two() -> None:
    """A table without columns, and one with a name twice, are refused in a sentence."""
    with pytest.raises(InvalidInput, match="no columns"):
        Dataset.from_arrow(pa.table({}))
    with pytest.raises(InvalidInput, match="two columns are named 'x'"):
        Dataset.from_arrow(pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]))


def test_files_without_columns_or_with_one_twice(tmp_path: Path) -> None:
    """The same of Parquet files, by name, before a row is read."""
    for table, told in (
        (pa.table({}), "no columns"),
        (pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]), "two columns are named 'x'"),
    ):
        pq.write_table(table, tmp_path / "odd.parquet")
        with pytest.raises(InvalidInput, match=told) as caught:
            analyze(Dataset.from_parquet(tmp_path / "odd.parquet"))
        assert "odd.parquet" in str(caught.value)


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    """A byte of a page that is not what was written: the file, what is wrong, and what to do; no figure of it."""
    path = tmp_path / "rows.parquet"
    rng = np.random.default_rng(1)
    table = pa.table({"a": rng.normal(size=150_000), "b": rng.integers(0, 9, 150_000)})
    pq.write_table(table, path, row_group_size=80_000, use_dictionary=False, write_page_checksum=True)
    whole = path.read_bytes()
    for share in (0.2, 0.7):
        damaged = bytearray(whole)
        damaged[int(share * len(whole))] ^= 0x55
        path.write_bytes(bytes(damaged))
        for engine in (LocalEngine(1), LocalEngine(2)):
            with pytest.raises(InvalidInput, match="not a readable Parquet file") as caught:
                analyze(Dataset.from_parquet(path), engine=engine)
            assert "rows.parquet" in str(caught.value) and "deliver it again" in str(caught.value)


def test_one_huge_text() -> None:
    """A text of 20 MB is measured, and held nowhere: not in top values, patterns or what is stored."""
    huge = "é" * 10_000_000
    found = analyze(Dataset.from_arrow(pa.table({"x": ["a", None, huge, "a", ""]})))
    one = found["x"]
    assert (one.max_length, one.num_empty, one.num_missing, one.num_invalid_utf8) == (10_000_000, 1, 1, 0)
    assert one.length_histogram[-1] == (7_168, 10_000_000, 1)
    assert dict(one.top_values)["a"] == 2 and max(len(text) for text, _ in one.top_values) < 100
    assert max(len(pattern) for pattern, _ in one.patterns) <= 64
    assert "num_distinct" in one.error_bounds


def test_many_distinct_texts_stay_bounded() -> None:
    """200,000 distinct texts: an estimate with its bound, and what is known of each figure is."""
    texts = pa.array([f"user-{at:06}" for at in range(200_000)])
    one = _one(texts)
    bound = one.error_bounds["num_distinct"]
    assert one.num_distinct is not None and abs(one.num_distinct - 200_000) <= bound.error_bound
    assert (one.min_length, one.max_length) == (11, 11)
    assert one.patterns == (("aaaa-999999", 200_000),) and "patterns" not in one.error_bounds
    assert one.semantic is not None and one.semantic.name == "near_unique"


def test_numbers_at_the_ends_of_their_types() -> None:
    """The largest and smallest values of each type have exact sums, and no figure overflows."""
    ends = np.iinfo(np.int64)
    one = _one(pa.array([ends.min, ends.max, 0]))
    assert (one.min, one.max, one.mean) == (ends.min, ends.max, pytest.approx(-1 / 3))
    largest = np.finfo(np.float64).max
    one = _one(pa.array([largest, -largest, 5e-324]))
    assert (one.max, one.mean, len(one.histogram)) == (largest, 0.0, 10)
    with pytest.raises(InvalidInput, match="uint64"):
        _one(pa.array([2**64 - 1], pa.uint64()))
