"""Skew: rows served beside rows trained on, by distribution and by value; DuckDB's join is the oracle."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import headrace.validation.skew as room
from headrace.dataset import Dataset
from headrace.schema import Feature, Schema
from headrace.validation import Validation, validate
from tests.validation.spans import of_spans

SCHEMA = Schema(
    (
        Feature("id", "integer"),
        Feature("price", "number"),
        Feature("place", "text"),
        Feature("late", "boolean", not_in=("serving",)),
    )
)


def rows(num_rows: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Rows trained on; some prices null, some NaN."""
    rng = np.random.default_rng(seed)
    price = np.round(rng.normal(50, 10, num_rows), 2).tolist()
    price[0], price[1] = None, float("nan")
    place = rng.choice(["Basel", "Bern", "Chur"], num_rows).tolist()
    return {"id": list(range(num_rows)), "price": price, "place": place, "late": (rng.random(num_rows) < 0.2).tolist()}


def served(change: Any = None, order: int = 1) -> Dataset:
    """The same rows in another order, without the label, perhaps changed."""
    columns = rows()
    del columns["late"]
    if change is not None:
        change(columns)
    table = pa.table(columns)
    return of_spans({"log": table.take(pa.array(np.random.default_rng(order).permutation(table.num_rows)))})


def judge(serving: Dataset, **options: Any) -> Validation:
    """The rows trained on, their key known, beside what was served."""
    data = of_spans({"all": pa.table(rows())}, key=("id",), label="late")
    return validate(data, SCHEMA, serving=serving, **options)


def items(found: Validation) -> dict[str, Any]:
    """The items of skew by name, but for those that only tell."""
    return {item.name: item for item in found.items if item.code.startswith("skew") and item.severity != "info"}


def cents(columns: dict[str, Any]) -> None:
    """A tenth of the prices in another unit."""
    columns["price"] = [
        value * 100 if value is not None and place % 10 == 7 else value for place, value in enumerate(columns["price"])
    ]


@pytest.mark.parametrize("pass_bytes", [room.PASS_BYTES, 20_000])
def test_equal_rows_have_no_skew(pass_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same values in another order: nothing is wrong, nulls and NaN equal themselves, in one pass and in many."""
    monkeypatch.setattr(room, "PASS_BYTES", pass_bytes)
    found = judge(served())
    assert found.ok and not items(found)
    told = next(item for item in found.items if item.code == "skew_value")
    assert told.num_rows == 2000 and told.message.startswith("2,000 rows of serving are joined")


@pytest.mark.parametrize("pass_bytes", [room.PASS_BYTES, 20_000])
def test_values_are_joined_by_key(pass_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred prices a hundred times too high are counted, with the factor and rows of the log; as DuckDB does."""
    monkeypatch.setattr(room, "PASS_BYTES", pass_bytes)
    log = served(cents)
    item = items(judge(log))["skew_value:price"]
    left, right = pa.table(rows()), log.to_arrow()
    query = 'select count(*) from "left" l join "right" r using (id) where l.price is distinct from r.price'
    [(expected,)] = duckdb.connect().execute(query).fetchall()
    assert (left.num_rows, right.num_rows) == (2000, 2000)
    assert item.num_rows == expected == 200 and item.severity == "error" and "100 times" in item.message
    for row in item.rows:
        assert right["price"][row.row_index].as_py() == row.value and right["id"][row.row_index].as_py() % 10 == 7


def test_a_few_values_warn() -> None:
    """Three rows of two thousand are a warning; a float32's rounding is none."""

    def change(columns: dict[str, Any]) -> None:
        for place in (5, 6, 7):
            columns["place"][place] = "Genf"
        columns["price"] = [None if value is None else float(np.float32(value)) for value in columns["price"]]

    found = judge(served(change))
    assert found.ok
    assert {name: item.severity for name, item in items(found).items()} == {"skew_value:place": "warning"}


def test_repeated_keys_are_counted_not_joined() -> None:
    """A key that was served twice is joined to nothing, and said."""

    def change(columns: dict[str, Any]) -> None:
        columns["id"][1] = 0

    told = next(item for item in judge(served(change)).items if item.code == "skew_value")
    assert told.num_rows == 1998 and "; 2 rows whose key comes more than once" in told.message


def test_distributions_without_a_key() -> None:
    """Without a key distributions are compared all the same: another unit in all rows is an error by its mark."""
    columns = rows()
    data = of_spans({"all": pa.table(columns)}, label="late")
    kilometres = [None if one is None else one * 1.609344 for one in columns["price"]]
    log = of_spans({"log": pa.table({**columns, "price": kilometres})})
    found = validate(data, SCHEMA, serving=log)
    assert [item.name for item in found.errors] == ["skew_scale:price"]
    assert any("no key says which rows are the same" in item.message for item in found.items)
    assert {one.feature for one in found.measurements if one.comparison == "skew"} == {"id", "price", "place"}


def test_no_rows_are_no_skew() -> None:
    """A log without a row is told, and nothing is compared."""
    found = judge(of_spans({"log": pa.table(rows()).drop_columns(["late"]).slice(0, 0)}))
    assert found.ok and any("a side is empty" in item.message for item in found.items)
