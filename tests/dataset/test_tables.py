"""Tables of other packages, in and out: pandas, Polars, DuckDB and pyarrow say the same."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import headrace as hr
from headrace.dataset.tables import as_table
from headrace.errors import InvalidInput, InvalidSchema, Misuse

ROWS = {"id": [1, 2, 3], "x": [1.5, None, -0.0], "t": ["a", None, ""], "late": [True, False, None]}
RAW = pa.table(ROWS)


def packages() -> dict[str, Any]:
    """The same rows as each package has them."""
    return {
        "table": RAW,
        "batch": RAW.to_batches()[0],
        "reader": RAW.to_reader(),
        "polars": pl.DataFrame(ROWS),
        "duckdb": duckdb.sql("from RAW"),
        "pandas": pd.DataFrame(ROWS),
        "pandas of Arrow types": RAW.to_pandas(types_mapper=pd.ArrowDtype),
    }


@pytest.mark.parametrize("name", packages())
def test_every_package_comes_in(name: str) -> None:
    """The data set, and so its digest, does not depend on who held the rows."""
    data = hr.Dataset.from_arrow(packages()[name], label="late", key=["id"], split={"train": 1, "eval": 1})
    same = hr.Dataset.from_arrow(RAW, label="late", key=["id"], split={"train": 1, "eval": 1})
    assert data.to_arrow().to_pydict() == ROWS
    assert data.digest == same.digest


def test_every_package_takes_a_data_set() -> None:
    """One line each, in many batches too, with nulls, and without a method for any of them."""
    table = pa.concat_tables([RAW] * 3)
    data = hr.Dataset.from_arrow(table, key="id")
    assert pa.table(data).to_pydict() == table.to_pydict()
    assert pl.DataFrame(data).to_dict(as_series=False) == table.to_pydict()
    assert duckdb.sql("select count(*), count(x), sum(x) from data").fetchall() == [(9, 6, 4.5)]
    found = pd.DataFrame.from_arrow(data)
    assert found.shape == (9, 4) and found["x"].isna().sum() == 3
    assert pa.RecordBatchReader.from_stream(data).read_all().num_rows == 9
    again = hr.Dataset.from_arrow(data, key="id")
    assert again.digest == data.digest


def test_an_uneven_data_set_does_not_leave_by_halves() -> None:
    """Spans that differ are one clear error before the first row."""
    one = hr.Dataset.from_arrow(RAW, span="a")
    other = hr.Dataset.from_arrow(RAW.drop_columns("x"), span="b")
    both = hr.Dataset((*one.spans, *other.spans), _tables=one._tables)
    with pytest.raises(InvalidSchema, match="'x' is double in a but missing in b"):
        pl.DataFrame(both)


# What is particular to pandas


def test_an_index_is_no_column() -> None:
    """Whatever is left of an index after filtering or grouping stays behind; reset_index makes it a column."""
    frame = pd.DataFrame({"a": [1, 2, 3]})
    named = frame.set_index(pd.Index([7, 8, 9], name="n"))
    for each in (frame, frame[frame.a > 1], named, frame.sort_values("a", ascending=False)):
        assert as_table(each, "test").column_names == ["a"]
    assert as_table(named.reset_index(), "test").column_names == ["n", "a"]
    older = pa.Table.from_pandas(frame[frame.a > 1], preserve_index=True)  # what pandas 2 hands over
    assert "__index_level_0__" in older.column_names

    class Older:
        """A frame of pandas 2."""

        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            return older.to_reader().__arrow_c_stream__(requested_schema)

    assert as_table(Older(), "test").column_names == ["a"]


def test_nan_in_a_frame_is_null() -> None:
    """NaN is how pandas says null in NumPy's types; infinities and Arrow's own NaN stay what they are."""
    frame = pd.DataFrame({"x": [np.nan, np.inf, 1.0]})
    assert as_table(frame, "test")["x"].to_pylist() == [None, np.inf, 1.0]
    kept = as_table(pa.table({"x": [float("nan")]}).to_pandas(types_mapper=pd.ArrowDtype), "test")
    assert np.isnan(kept["x"][0].as_py())


def test_types_of_pandas() -> None:
    """Objects are what their values are; categories are text; zones are kept as moments; nullable integers are."""
    frame = pd.DataFrame(
        {
            "o": pd.Series(["x", None], dtype=object),
            "b": pd.Series([True, None], dtype=object),
            "c": pd.Categorical(["u", None]),
            "z": pd.to_datetime(["2020-07-01 12:00", None]).tz_localize("Europe/Zurich"),
            "i": pd.array([1, None], dtype="Int64"),
        }
    )
    data = hr.Dataset.from_arrow(frame)
    assert data.arrow_schema.types[:3] == [pa.string(), pa.bool_(), pa.string()]
    assert str(data.arrow_schema.field("z").type).endswith("tz=Europe/Zurich]")
    found = hr.analyze(data)
    assert [found[name].num_missing for name in frame.columns] == [1] * 5
    schema = hr.infer_schema(found)
    assert hr.validate(data, schema).ok


def test_what_is_no_table_in_arrow_is_named() -> None:
    """A column of several types, two columns of one name, numbers nobody serves: the package's reason and the fix."""
    for frame, reason in (
        (pd.DataFrame({"m": [1, "a"]}), "column m"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names"),
        (pd.DataFrame({"z": [1 + 2j]}), "column z"),
        (pd.Series([1, 2]), "pandas Series"),
    ):
        with pytest.raises(InvalidInput, match=rf"(?s){reason}.*from_arrow"):
            hr.Dataset.from_arrow(frame)


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (np.zeros((2, 2)), r"ndarray.*columns=\[\.\.\.\]"),
        ({"x": [1]}, "dict.*pyarrow.table"),
        ([{"x": 1}], "list.*from_pylist"),
        (pl.LazyFrame({"x": [1]}), r"LazyFrame.*\.collect\(\)"),
        (pl.DataFrame, "the class DataFrame"),
        ("x.csv", "str"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_table_is_answered_with_the_fix(value: Any, fix: str) -> None:
    """The nearest way to a table is in the message."""
    with pytest.raises(Misuse, match=fix):
        hr.Dataset.from_arrow(value)
    if value is not None:
        reader = "from_csv" if isinstance(value, str) else "from_arrow"
        with pytest.raises(Misuse, match=rf"(?s)dataset of hr\.analyze is .*Dataset\.{reader}"):
            hr.analyze(value)
