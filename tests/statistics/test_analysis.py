"""analyze: the figures of design.md, the same whatever cut the rows."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import scipy.stats

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.errors import InvalidInput, UnknownName
from headrace.statistics import FeatureStatistics, Statistics, analyze


def _flights(num_rows: int = 4_000) -> pa.Table:
    """A small table with every kind, nulls everywhere, NaN and infinities."""
    rng = np.random.default_rng(9)
    delay = rng.normal(10, 30, num_rows).round()
    speed = rng.lognormal(3, 1, num_rows)
    speed[::50], speed[7::400], speed[9::400] = math.nan, math.inf, -math.inf
    carriers = np.array(["AA", "UA", "é😀", ""])[rng.integers(0, 4, num_rows)]

    def nulls(values: np.ndarray, data_type: pa.DataType) -> pa.Array:
        return pa.array(values, data_type, mask=rng.random(num_rows) < 0.1)

    return pa.table(
        {
            "id": pa.array(np.arange(num_rows)),
            "delay": nulls(delay, pa.float64()).cast(pa.int16()),
            "speed": nulls(speed, pa.float64()),
            "carrier": nulls(carriers, pa.string()).dictionary_encode(),
            "late": nulls(delay > 15, pa.bool_()),
            "hour": nulls(rng.integers(0, 100, num_rows) * 3_600, pa.int64()).cast(pa.timestamp("s", tz="UTC")),
            "nothing": pa.nulls(num_rows),
            "list": pa.array([[1]] * num_rows),
        }
    )


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """The table that most tests read."""
    return _flights()


@pytest.fixture(scope="module")
def statistics(table: pa.Table) -> Statistics:
    """Its statistics, split and sliced."""
    data = Dataset.from_arrow(table, key=["id"], split={"train": 3, "eval": 1})
    return analyze(data, slices=["carrier", ["carrier", "late"]])


def test_numbers_are_what_numpy_and_scipy_say(table: pa.Table, statistics: Statistics) -> None:
    """Every numeric figure is about the finite values and equals NumPy's and SciPy's."""
    one = statistics["speed"]
    values = table["speed"].drop_null().to_numpy()
    finite = values[np.isfinite(values)]
    assert (one.type, one.num_rows, one.num_present) == ("number", 4_000, len(values))
    assert one.num_missing == 4_000 - len(values)
    assert (one.min_values, one.mean_values, one.max_values) == (1, 1.0, 1)
    assert one.num_nan == np.isnan(values).sum()
    assert one.num_infinite == np.isinf(values).sum()
    assert (one.min, one.max, one.num_zeros) == (finite.min(), finite.max(), 0)
    expected = [finite.mean(), finite.std(), scipy.stats.skew(finite), scipy.stats.kurtosis(finite)]
    assert [one.mean, one.std_dev, one.skewness, one.kurtosis] == pytest.approx(expected, rel=1e-11)
    assert one.quantiles == pytest.approx(np.percentile(finite, range(101)), rel=1e-12)
    assert one.median == one.quantiles[50] == pytest.approx(np.median(finite), rel=1e-12)
    counts, edges = np.histogram(finite, bins=10)
    assert [count for _, _, count in one.histogram] == counts.tolist()
    assert [low for low, _, _ in one.histogram] == pytest.approx(edges[:-1].tolist())
    assert one.num_distinct == len(np.unique(finite))
    assert one.error_bounds == {}


def test_integers_keep_their_type(table: pa.Table, statistics: Statistics) -> None:
    """Smallest, largest and mode of integers are ints; the mode is the smallest of the most frequent."""
    one = statistics["delay"]
    values = table["delay"].drop_null().to_numpy()
    numbers, counts = np.unique(values, return_counts=True)
    assert (one.min, one.max, one.mode) == (int(values.min()), int(values.max()), int(numbers[counts.argmax()]))
    assert all(type(value) is int for value in (one.min, one.max, one.mode))
    assert (one.num_zeros, one.num_distinct) == (int((values == 0).sum()), len(numbers))


def test_texts_count_characters(table: pa.Table, statistics: Statistics) -> None:
    """Text has distinct and top values, and lengths in characters; numeric figures are None."""
    one = statistics["carrier"]
    expected = sorted(
        pc.value_counts(table["carrier"].drop_null().cast(pa.string())).to_pylist(), key=lambda i: -i["counts"]
    )
    assert list(one.top_values) == [(item["values"], item["counts"]) for item in expected]
    assert (one.num_distinct, one.min_length, one.max_length, one.num_invalid_utf8) == (4, 0, 2, 0)
    assert one.mean_length == pytest.approx(pc.mean(pc.utf8_length(table["carrier"].cast(pa.string()))).as_py())
    assert (one.mean, one.min, one.median, one.histogram, one.quantiles) == (None, None, None, (), ())


def test_booleans_timestamps_and_the_rest(table: pa.Table, statistics: Statistics) -> None:
    """Booleans are 0 and 1, timestamps microseconds; kinds without values have counts only; of a list its values."""
    late, hour = statistics["late"], statistics["hour"]
    assert late.mean == pytest.approx(pc.mean(table["late"]).as_py())
    assert (late.num_distinct, late.min, late.max) == (2, 0, 1)
    assert hour.max == int(pc.max(table["hour"]).as_py().timestamp()) * 1_000_000
    assert (statistics["nothing"].type, statistics["nothing"].num_missing) == ("null", 4_000)
    assert statistics["nothing"].max_values == 0
    other = statistics["list"]
    assert (other.type, other.num_present, other.num_missing, other.mean) == ("list", 4_000, 0, 1.0)


def test_splits_and_spans_are_the_rows_of_theirs(table: pa.Table, statistics: Statistics) -> None:
    """A split's statistics are those of its rows alone, to the byte."""
    data = Dataset.from_arrow(table, key=["id"], split={"train": 3, "eval": 1})
    alone = analyze(Dataset.from_arrow(data.to_arrow("train")))
    for name in alone.feature_names:
        assert statistics.split("train")[name] == alone[name]
    assert statistics.split("train").num_rows + statistics.split("eval").num_rows == statistics.num_rows
    assert statistics.span("all").num_rows == 4_000
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        statistics.split("trian")


def test_slices_are_the_rows_of_theirs(table: pa.Table, statistics: Statistics) -> None:
    """A slice's statistics are those of its rows alone; nulls make slices too; unknown ones are named."""
    rows = table.filter(pc.equal(table["carrier"].cast(pa.string()), "UA"))
    alone = analyze(Dataset.from_arrow(rows))
    one = statistics.slice({"carrier": "UA"})
    assert (one.name, one.num_rows) == ("carrier=UA", rows.num_rows)
    assert [one[name] for name in one.feature_names] == [alone[name] for name in alone.feature_names]
    both = statistics.slice({"late": None, "carrier": None})
    assert both.num_rows == both["late"].num_missing
    assert len(statistics.slices) == 5 + 15
    with pytest.raises(UnknownName, match="no slice named 'carrier=UB'"):
        statistics.slice({"carrier": "UB"})
    with pytest.raises(UnknownName, match="slices by"):
        statistics.slice({"hour": datetime.datetime.now(datetime.UTC)})


def test_nothing_about_files_or_threads_can_be_seen(table: pa.Table, statistics: Statistics, tmp_path: Path) -> None:
    """Other files, row groups, encodings and numbers of threads give the same digest."""
    plain = table.set_column(3, "carrier", table["carrier"].cast(pa.string())).drop_columns(["nothing", "list"])
    digests = {analyze(Dataset.from_arrow(plain), engine=LocalEngine(workers=1)).digest}
    for count, size in ((1, 100), (3, 4_000)):
        for index in range(count):
            first = index * 4_000 // count
            piece = plain.slice(first, (index + 1) * 4_000 // count - first)
            pq.write_table(piece, tmp_path / f"{count}-{index}.parquet", row_group_size=size)
        data = Dataset.from_parquet(tmp_path / f"{count}-*.parquet")
        digests |= {analyze(data, engine=LocalEngine(workers=workers)).digest for workers in (1, 3)}
    assert len(digests) == 1


def test_statistics_are_an_artifact(statistics: Statistics, tmp_path: Path) -> None:
    """What is saved is read back with the same digest and figures, and can be read by people."""
    statistics.save(tmp_path)
    again = Statistics.load(tmp_path)
    assert again.digest == statistics.digest
    assert again.split("eval")["speed"] == statistics.split("eval")["speed"]
    assert again.slice({"carrier": None})["delay"] == statistics.slice({"carrier": None})["delay"]
    plain = json.loads((tmp_path / "statistics.json").read_text())
    assert plain["num_rows"] == 4_000
    assert plain["features"][1]["mean"] == statistics["delay"].mean
    assert {part["split"] for part in plain["parts"]} == {"eval", "train"}


def test_damaged_statistics_are_refused(statistics: Statistics, tmp_path: Path) -> None:
    """A file cut short, or none at all, is one clear error."""
    statistics.save(tmp_path)
    path = tmp_path / "states.arrow"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match=r"states\.arrow"):
        Statistics.load(tmp_path)
    with pytest.raises(InvalidInput, match="no statistics"):
        Statistics.load(tmp_path / "elsewhere")


def test_merged_statistics_are_those_of_all_rows(table: pa.Table) -> None:
    """A month merged from days has the bytes of the month folded from rows."""
    days = [analyze(Dataset.from_arrow(table.slice(first, 1_000))) for first in range(0, 4_000, 1_000)]
    before = days[0].digest
    assert Statistics.merge(days).digest == analyze(Dataset.from_arrow(table)).digest
    assert days[0].digest == before
    with pytest.raises(InvalidInput, match="different features"):
        Statistics.merge([days[0], analyze(Dataset.from_arrow(table.select(["id"])))])


def test_no_rows_have_statistics(table: pa.Table) -> None:
    """An empty table has counts of zero, and None where there is nothing to say."""
    empty = analyze(Dataset.from_arrow(table.slice(0, 0)), slices=["carrier"])
    one = empty["speed"]
    assert (one.num_rows, one.num_present, one.mean, one.min, one.quantiles) == (0, 0, None, None, ())
    assert empty.slices == []
    assert isinstance(empty["carrier"], FeatureStatistics)
    assert empty["carrier"].top_values == ()


@pytest.mark.slow
def test_many_values_carry_their_bounds() -> None:
    """Beyond 65,536 distinct values figures are approximate and say by how much; the truth is within."""
    rng = np.random.default_rng(12)
    numbers = rng.normal(0, 1, 120_000)
    table = pa.table({"x": numbers, "name": [f"name-{item}" for item in rng.integers(0, 90_000, 120_000)]})
    statistics = analyze(Dataset.from_arrow(table))
    x, name = statistics["x"], statistics["name"]
    assert x.mean == pytest.approx(numbers.mean(), abs=1e-15)
    assert x.median == pytest.approx(np.median(numbers), abs=x.error_bounds["median"].error_bound)
    assert x.num_distinct == pytest.approx(120_000, abs=2 * x.error_bounds["num_distinct"].error_bound)
    assert sum(count for _, _, count in x.histogram) == pytest.approx(120_000)
    true = len(set(table["name"].to_pylist()))
    assert name.num_distinct == pytest.approx(true, abs=2 * name.error_bounds["num_distinct"].error_bound)
    assert name.max_length == 10
