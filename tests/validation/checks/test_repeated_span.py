"""repeated_span: the same rows under two names are an error."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.ingestion import ingest
from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.repeated_span import RepeatedSpan
from tests.validation.spans import item_of, judge, of_spans

ROWS = {"a": list(range(30))}


class TestRepeatedSpan(CheckCases):
    """The laws of checks of shape."""

    check = RepeatedSpan
    features = (Feature("a", "integer"),)
    roles: ClassVar = {"key": ["a"]}
    right: ClassVar = {"jan": pa.table(ROWS), "feb": pa.table({"a": ROWS["a"][::-1]})}
    wrong: ClassVar = {"jan": pa.table(ROWS), "feb": pa.table(ROWS)}


def test_fires_for_equal_spans_with_a_key(tmp_path) -> None:
    """Two files of the same rows are named; a third of others is not."""
    for name, table in {"jan": ROWS, "feb": ROWS, "mar": {"a": list(range(1, 31))}}.items():
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    data = ingest(tmp_path / "{span}.parquet", key=["a"], split={"train": 8, "eval": 2})
    assert data.digest
    item = item_of(judge(data, Feature("a", "integer")), "repeated_span")
    assert item is not None and (item.severity, item.value, item.name) == ("error", 1, "repeated_span")
    assert item.message.startswith("spans feb, jan hold the same rows: all would count 2 times; keep one")


def test_does_not_fire_for_few_rows_or_none() -> None:
    """A handful of equal rows may be chance, and empty spans are all alike."""
    few = {name: {"a": [1, 2, None]} for name in ("jan", "feb")}
    empty = {name: {"a": pa.array([], pa.int64())} for name in ("mar", "apr")}
    assert item_of(judge(of_spans({**few, **empty}), Feature("a", "integer")), "repeated_span") is None


def test_does_not_fire_for_another_order_or_type(tmp_path) -> None:
    """The same values in another order, or in another type, are not called the same."""
    tables = {"jan": pa.table(ROWS), "feb": pa.table({"a": ROWS["a"][::-1]}), "mar": pa.table(ROWS).cast(
        pa.schema([("a", pa.int32())]))}  # fmt: skip
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    data = ingest(tmp_path / "{span}.parquet", key=["a"])
    assert data.digest
    assert item_of(judge(data, Feature("a", "integer")), "repeated_span") is None
