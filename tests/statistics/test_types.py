"""Every Arrow type has figures of its own: lists, structs, maps, decimals, durations, times, bytes, zones."""

from __future__ import annotations

import datetime
import json
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.statistics import Statistics, analyze
from headrace.validation import infer_schema, validate

_TABLE = pa.table(
    {
        "tags": pa.array([["a", "b"], None, [], ["a", None]]),
        "pair": pa.array([[1, 2], None, [3, 4], [5, None]], pa.list_(pa.int8(), 2)),
        "deep": pa.array([[[1, 2], [3]], None, [], [[], None]]),
        "s": pa.array([{"a": 1, "b": {"c": "x"}}, None, {"a": None, "b": None}, {"a": 2, "b": {"c": ""}}]),
        "items": pa.array([[{"x": 1.5}], None, [], [{"x": None}, None]]),
        "map": pa.array([[("k", 1)], None, [], [("k", None), ("j", 2)]], pa.map_(pa.string(), pa.int64())),
        "price": pa.array([Decimal("1.10"), None, Decimal("-2.25"), Decimal("3.00")], pa.decimal128(10, 2)),
        "large": pa.array([Decimal("1e20"), None, Decimal("-2.25"), Decimal("3.00")], pa.decimal128(30, 2)),
        "day": pa.array([datetime.date(2020, 1, 1), None, datetime.date(2021, 1, 1), datetime.date(2020, 1, 1)]),
        "took": pa.array([1_500, None, -1, 5_000], pa.duration("ns")),
        "clock": pa.array([1, None, 3, 5], pa.time32("s")),
        "bytes": pa.array([b"\xff", None, b"", b"abc"]),
        "fixed": pa.array([b"\xff1", None, b"xx", b"xx"], pa.binary(2)),
        "zone": pa.array([1, None, 2, 3], pa.timestamp("s", "America/New_York")),
        "code": pa.array(["b", None, "a", "b"]).dictionary_encode(),
        "score": pa.array([math.nan, None, math.inf, 2.0]),
        "text": pa.array([b"\xff\xfe", None, b"", b"ok"], pa.binary()).view(pa.string()),
        "w": [1.0, 2.0, 0.5, 0.25],
    }
)


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    """Of the table, by a slice."""
    return analyze(Dataset.from_arrow(_TABLE), slices=["code"])


def test_lists_have_counts_of_values_and_figures_of_them(statistics: Statistics) -> None:
    """Values per row are counted in rows with a list, nulls in it too; figures are about all values."""
    tags, pair = statistics["tags"], statistics["pair"]
    assert (tags.type, tags.value_type, tags.num_rows, tags.num_present, tags.num_missing) == ("list", "text", 4, 3, 1)
    assert (tags.min_values, tags.mean_values, tags.max_values) == (0, 4 / 3, 2)
    assert (tags.num_empty, tags.num_values, tags.num_null_values) == (1, 4, 1)
    assert tags.top_values == (("a", 2), ("b", 1))
    assert (pair.min_values, pair.max_values, pair.mean, pair.max, pair.num_null_values) == (2, 2, 3.0, 5, 1)
    assert sum(count for *_, count in tags.values_histogram) == 3


def test_what_lies_deeper_has_a_name(statistics: Statistics) -> None:
    """Fields of structs and lists in lists are features of their own beside the columns."""
    assert statistics.feature_names == _TABLE.column_names
    assert statistics.nested_names == ["deep[]", "s.a", "s.b", "s.b.c", "items[].x", "map[].key", "map[].value"]
    assert (statistics["s"].type, statistics["s"].num_missing) == ("struct", 1)
    assert (statistics["s.a"].num_rows, statistics["s.a"].num_missing, statistics["s.a"].mean) == (4, 2, 1.5)
    assert (statistics["s.b.c"].num_empty, statistics["s.b.c"].num_missing) == (1, 2)
    assert (statistics["deep"].value_type, statistics["deep"].num_values) == ("list", 4)
    deep = statistics["deep[]"]
    assert (deep.num_rows, deep.num_missing, deep.num_empty, deep.mean) == (4, 1, 1, 2.0)
    assert statistics["map[].key"].top_values == (("k", 2), ("j", 1))
    assert (statistics["items[].x"].num_rows, statistics["items[].x"].num_missing) == (3, 2)
    assert (statistics.column_of("s.b.c"), statistics.column_of("s")) == ("s", "s")


def test_decimals_are_exact(statistics: Statistics) -> None:
    """Smallest and largest are decimals of the column's places; means and quantiles are floats."""
    price = statistics["price"]
    assert (price.type, price.min, price.max) == ("decimal", Decimal("-2.25"), Decimal("3.00"))
    assert (price.mean, price.median) == (pytest.approx(1.85 / 3, rel=1e-15), 1.1)
    assert statistics["large"].max == 1e20
    cents = pa.array([Decimal(1).scaleb(-2)] * 10, pa.decimal64(9, 2))
    assert analyze(Dataset.from_arrow(pa.table({"x": cents})))["x"].mean == 0.01


def test_times_are_microseconds(statistics: Statistics) -> None:
    """Durations and times of day in microseconds, cut off towards the past; a date is a moment that is midnight."""
    assert (statistics["took"].type, statistics["took"].min, statistics["took"].max) == ("duration", -1, 5)
    assert (statistics["clock"].type, statistics["clock"].max) == ("time", 5_000_000)
    day = statistics["day"]
    assert (day.type, day.num_distinct, day.semantic and day.semantic.name) == ("timestamp", 2, "date")
    assert (statistics["zone"].type, statistics["zone"].min) == ("timestamp", 1_000_000)


def test_bytes_have_lengths(statistics: Statistics) -> None:
    """Binary values are counted and measured in bytes, and never shown."""
    one = statistics["bytes"]
    assert (one.type, one.num_distinct, one.min_length, one.max_length, one.num_empty) == ("binary", 3, 0, 3, 1)
    assert (one.top_values, one.patterns, one.num_invalid_utf8) == ((), (), None)
    assert (statistics["fixed"].num_distinct, statistics["fixed"].mean_length) == (2, 2.0)


def test_absence_is_counted_by_its_kind(statistics: Statistics) -> None:
    """Null, NaN, infinite, empty and invalid UTF-8 are five counts."""
    score, text = statistics["score"], statistics["text"]
    assert (score.num_missing, score.num_nan, score.num_infinite, score.mean) == (1, 1, 1, 2.0)
    assert (text.num_missing, text.num_empty, text.num_invalid_utf8, text.num_distinct) == (1, 1, 1, 3)


def test_nothing_can_be_seen_of_how_rows_were_cut(tmp_path: Path) -> None:
    """Ten copies in other batches and threads have the same bytes, slices and weights too; saved ones are the same."""
    table = pa.concat_tables([_TABLE] * 40)
    chunked = pa.Table.from_batches(table.combine_chunks().to_batches(max_chunksize=7))
    first, second = (
        analyze(Dataset.from_arrow(rows, weight="w"), slices=["code"], engine=LocalEngine(workers=number))
        for rows, number in ((table.combine_chunks(), 1), (chunked, 2))
    )
    assert first.digest == second.digest
    first.save(tmp_path)
    again = Statistics.load(tmp_path)
    assert again.digest == first.digest and again.nested_names == first.nested_names
    assert again["s.b.c"] == first["s.b.c"] and again["tags"] == first["tags"]
    assert json.loads((tmp_path / "statistics.json").read_text())["num_rows"] == 160
    assert Statistics.merge([first, second])["tags"].num_values == 320


def test_weights_count(statistics: Statistics) -> None:
    """With a weight column every feature but itself has weighted figures; without one none has."""
    found = analyze(Dataset.from_arrow(_TABLE, weight="w"))
    assert statistics["score"].weighted is None and found["w"].weighted is None
    price, tags = found["price"].weighted, found["tags"].weighted
    assert price is not None and tags is not None
    values, weights = np.array([1.10, -2.25, 3.0]), np.array([1.0, 0.5, 0.25])
    assert (price.num_rows, price.num_missing) == (3.75, 2.0)
    assert price.mean == pytest.approx(np.average(values, weights=weights))
    assert price.median == pytest.approx(1.1)
    assert tags.top_values == (("a", 1.25), ("b", 1.0))
    assert sum(weight for *_, weight in price.histogram) == 1.75


def test_slices_have_them_too(statistics: Statistics) -> None:
    """A slice has the same figures, of its rows."""
    one = statistics.slice({"code": "b"})
    assert (one["tags"].num_values, one["tags"].num_null_values, one["s.a"].mean) == (4, 1, 1.5)
    assert one.feature_names == statistics.feature_names


def test_a_schema_of_such_columns_validates_them(statistics: Statistics) -> None:
    """Kinds that no model takes are described all the same, and the data they come from is accepted."""
    schema = infer_schema(statistics)
    kinds = {feature.name: feature.kind for feature in schema.features}
    assert (kinds["tags"], kinds["s"], kinds["price"], kinds["bytes"]) == ("list", "struct", "decimal", "binary")
    assert kinds["s.a"] == "integer", "a field of a struct is a column of its own"
    found = validate(Dataset.from_arrow(_TABLE), schema)
    assert [item for item in found.items if item.severity == "error"] == []
