"""infer_schema: what the data say, and nothing they do not."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.schema import Kind, Schema
from headrace.statistics import analyze
from headrace.testing import strategies
from headrace.validation import infer_schema, validate
from tests.validation.spans import of_spans

KINDS: tuple[Kind, ...] = ("integer", "number", "boolean", "text", "timestamp", "null")


def _inferred(columns: dict[str, Any]) -> Schema:
    return infer_schema(analyze(Dataset.from_arrow(pa.table(columns))))


@pytest.mark.parametrize(
    ("num_missing", "num_rows", "expected"),
    [(0, 1000, 1.0), (1, 1000, 0.98), (25, 1000, 0.94), (500, 1000, 0.0), (1000, 1000, 0.0), (0, 0, 0.0), (1, 1, 0.0)],
)
def test_presence_is_relaxed_only_where_nulls_were_seen(num_missing: int, num_rows: int, expected: float) -> None:
    """Without a null seen none is allowed; else twice the share seen and a hundredth more."""
    column = pa.array([None] * num_missing + [1] * (num_rows - num_missing), pa.int64())
    assert _inferred({"a": column})["a"].min_present == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"b": 500, "a": 500}, ("a", "b")),
        ({"": 30, "é😀": 30, None: 900}, ("", "é😀")),
        ({f"v{k:03}": 20 for k in range(100)}, tuple(f"v{k:03}" for k in range(100))),
        ({f"v{k}": 20 for k in range(101)}, None),  # too many
        ({f"id{k}": 1 for k in range(50)}, None),  # identifiers
        ({"a": 19, "b": 19}, None),  # too few rows to know
        ({"a": 5000, "b": 1}, None),  # one was seen once: others will be
        ({"a": 5000, "b": 2}, None),  # half of them are rare
        ({**{f"v{k}": 20 for k in range(9)}, "w": 2}, ("v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "w")),
        ({}, None),
    ],
)
def test_a_domain_is_given_where_another_value_would_be_news(
    counts: dict[str | None, int], expected: tuple[str, ...] | None
) -> None:
    """Few values, each seen often, are a domain; identifiers, long tails and small samples are not."""
    column = pa.array([value for value, count in counts.items() for _ in range(count)], pa.string())
    assert _inferred({"c": column})["c"].domain == expected


def test_a_value_in_one_span_only_forbids_a_domain() -> None:
    """Where one month brought a value of its own, the next may too; in all months is needed for none."""
    common = ["a", "b"] * 30
    tables = {"jan": {"c": common, "d": common}, "feb": {"c": [*common, *["x"] * 30], "d": [*common, *["a"] * 30]}}
    schema = infer_schema(analyze(of_spans(tables)))
    assert schema["c"].domain is None and schema["d"].domain == ("a", "b")


def test_text_that_is_not_utf8_gets_no_domain() -> None:
    """A schema is text, so bytes that are none cannot be listed in it; nor do they stop validation."""
    bad = pa.array([b"\xff", b"a"] * 30, pa.binary())
    data = Dataset.from_arrow(pa.table({"c": pa.Array.from_buffers(pa.string(), 60, bad.buffers())}))
    schema = infer_schema(analyze(data))
    assert schema["c"].domain is None and validate(data, schema).ok


def test_nan_ranges_and_review() -> None:
    """NaN is allowed where seen, a range never given, and nobody has reviewed it."""
    schema = _inferred({"x": [0.0, 1.0], "z": [math.nan, None], "y": [True, False]})
    assert [feature.name for feature in schema.features] == ["x", "z", "y"] and not schema.is_reviewed
    assert (schema["x"].allow_nan, schema["z"].allow_nan, schema["y"].allow_nan) == (False, True, True)
    assert all(feature.min is None and feature.max is None for feature in schema.features)


def test_label_is_not_in_serving_where_statistics_know_it() -> None:
    """Where the statistics carry the roles, the label is not in the environment "serving"."""
    data = Dataset.from_arrow(pa.table({"x": [1.0], "y": [True]}), label="y")
    statistics = analyze(data)
    schema = infer_schema(statistics)
    assert [feature.not_in for feature in schema.features] == [(), ("serving",)]


@pytest.mark.slow
@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.data())
def test_data_validate_against_the_schema_inferred_from_them(data: st.DataObject) -> None:
    """Whatever the columns, nulls, NaN and splits: the data a schema came from pass it, with or without statistics."""
    num_rows = data.draw(st.sampled_from((0, 1, 2)) | st.integers(0, 30))
    columns = {kind: data.draw(strategies.columns(kind, num_rows)) for kind in KINDS}
    repeated = data.draw(st.lists(st.sampled_from(["a", "b", "", None]), min_size=90, max_size=90))
    few = pa.array(repeated[:num_rows] if num_rows < 2 else repeated, pa.string())
    tables: dict[str, Any] = {"one": {**columns, "other": [[1]] * num_rows}, "two": {"few": few}}
    for table in tables.values():
        rows = Dataset.from_arrow(pa.table(table))
        statistics = analyze(rows)
        schema = infer_schema(statistics)
        for reused in (None, statistics):
            validation = validate(rows, schema, statistics=reused)
            assert validation.ok, validation.summary
            assert Schema.from_plain(schema.to_plain()) == schema


def test_several_spans_and_splits_validate() -> None:
    """A schema inferred over spans and splits holds for all their rows, the label's nulls too."""
    tables = {
        name: {"id": [f"{name}{k}" for k in range(50)], "c": ["a", "b"] * 25, "y": [True, None] * 25}
        for name in ("jan", "feb")
    }
    data = of_spans(tables, label="y", key=("id",))
    schema = infer_schema(analyze(data))
    assert schema["c"].domain == ("a", "b") and schema["id"].domain is None
    validation = validate(data, schema)
    assert validation.ok and validation.num_unlabelled == 50


def test_no_value_of_a_sensitive_column_is_written_down() -> None:
    """A schema is sent around: what is sensitive has a kind and no domain."""
    table = pa.table({"sex": ["f", "m"] * 500, "city": ["A", "B"] * 500})
    schema = infer_schema(analyze(Dataset.from_arrow(table, sensitive=["sex"])))
    assert schema["sex"].kind == "text" and schema["sex"].domain is None and schema["city"].domain == ("A", "B")


def test_what_values_are_about_chooses_checks():
    """Degrees have their range; addresses, links, dates and UUIDs of one form have it as a pattern, if all match."""
    rows = range(150)
    table = pa.table(
        {
            "lat": [row / 2 - 30.25 for row in rows],
            "lon": [row * 2.2 - 170.1 for row in rows],
            "mail": [f"p{row}@example.org" for row in rows],
            "link": [f"https://example.org/{row}" for row in rows],
            "day": [f"2013-{1 + row // 28:02}-{1 + row % 28:02}" for row in rows],
            "uuid": [f"{row:08x}-0000-4000-8000-000000000000" for row in rows],
            "odd": [f"p{row}@example.org" if row else "nobody" for row in rows],
            "few": [f"p{row % 9}@example.org" for row in rows],
        }
    )
    data = Dataset.from_arrow(table)
    schema = infer_schema(analyze(data))
    assert (schema["lat"].min, schema["lat"].max, schema["lon"].min, schema["lon"].max) == (-90, 90, -180, 180)
    patterned = [feature.name for feature in schema.features if feature.pattern is not None]
    assert patterned == ["mail", "link", "day", "uuid"]
    assert validate(data, schema).ok
    broken = table.set_column(2, "mail", pa.array(["nobody", *table["mail"].to_pylist()[1:]]))
    assert [item.name for item in validate(Dataset.from_arrow(broken), schema).errors] == ["pattern:mail"]
