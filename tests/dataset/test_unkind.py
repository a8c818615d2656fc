"""Data sets of unkind data: nothing, all null, the ends of every range, random tables through files and back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.dataset.hashing import row_ids
from headrace.engine import Local
from headrace.errors import InvalidInput
from headrace.fold import Distribution, encode
from headrace.slicing import SliceSpec
from headrace.testing import strategies

_SETTINGS = settings(max_examples=30, deadline=None, derandomize=True, database=None)

KINDS: dict[str, Any] = {"i": "integer", "x": "number", "b": "boolean", "c": "text", "t": "timestamp"}
TYPES = {
    "i": pa.int64(),
    "x": pa.float64(),
    "b": pa.bool_(),
    "c": pa.string(),
    "t": pa.timestamp("us", tz="UTC"),
    "n": pa.null(),
}


@_SETTINGS
@given(rows=strategies.rows(KINDS))
def test_random_tables_through_files_and_back(rows: Any) -> None:
    """Whatever the rows and their encodings: saved and loaded they are the same rows, splits and digest."""
    table = pa.Table.from_batches([rows.batch])
    data = Dataset.from_arrow(table, key=["c", "i", "t", "b", "x"], split={"train": 1, "eval": 1})
    with tempfile.TemporaryDirectory() as name:
        data.save(Path(name))
        again = Dataset.load(Path(name))
        assert again.digest == data.digest
        for split in (*data.split_names, None):
            assert str(again.to_arrow(split).to_pylist()) == str(data.to_arrow(split).to_pylist())
        fresh = Dataset.from_parquet(Path(name) / "*.parquet", key=data.roles.key, split=data.split)
        assert fresh.digest == data.digest


@_SETTINGS
@given(rows=strategies.rows({"i": "integer", "c": "text"}), data=st.data())
def test_equal_keys_have_equal_ids(rows: Any, data: st.DataObject) -> None:
    """Two rows have one id exactly when their keys are equal, in a batch and across batches."""
    ids = row_ids(rows.batch, ["i", "c"])
    keys = [tuple(row.values()) for row in rows.batch.to_pylist()]
    assert len(set(ids.tolist())) == len(set(keys))
    cut = data.draw(st.integers(0, rows.num_rows))
    parts = [row_ids(rows.batch.slice(0, cut), ["i", "c"]), row_ids(rows.batch.slice(cut), ["i", "c"])]
    assert np.array_equal(np.concatenate(parts), ids)


@pytest.mark.parametrize("num_rows", [0, 1, 5])
def test_nothing_and_all_null(num_rows: int, tmp_path: Path) -> None:
    """A table of nulls, or of no rows, is a data set: read, grouped, folded, saved, loaded."""
    table = pa.table({name: pa.nulls(num_rows, kind) for name, kind in TYPES.items()})
    data = Dataset.from_arrow(table, label="x", weight="i", key=["c", "n"], time="t", split={"train": 8, "eval": 2})
    data.save(tmp_path)
    for one in (data, Dataset.load(tmp_path)):
        assert one.num_rows == num_rows
        assert one.to_arrow().equals(table)
        assert one.digest == data.digest
        (found,) = Local(2).fold_by_key([], [SliceSpec(tuple(TYPES))], one, one.parts())
        assert found.num_rows.tolist() == ([num_rows] if num_rows else [])
        (state,) = Local(2).fold([Distribution("x", "number")], one, one.parts())
        assert encode(Distribution("x", "number"), state)
        for part in one.parts():
            for rows in one.read(part, ["x"]):
                assert np.isnan(one.label_values(rows.batch)).all()
                assert rows.weight is not None
                assert not rows.weight.any()


def test_full_width_integers(tmp_path: Path) -> None:
    """The ends of int64 are keys, groups and values like any other, in memory and in files."""
    ends = [2**63 - 1, -(2**63), 2**63 - 2, None, 0, -1]
    table = pa.table({"i": pa.array(ends, pa.int64()), "d": pa.array(ends, pa.int64()).dictionary_encode()})
    data = Dataset.from_arrow(table, key=["i"])
    data.save(tmp_path)
    for one in (data, Dataset.load(tmp_path)):
        assert one.to_arrow()["i"].to_pylist() == ends
        assert one.to_arrow()["d"].to_pylist() == ends
        (found,) = Local(1).fold_by_key([], [SliceSpec(("d",))], one, one.parts())
        assert found.keys["d"].to_pylist() == [-(2**63), -1, 0, 2**63 - 2, 2**63 - 1, None]
        ids = np.concatenate([rows.row_id for rows in one.read(one.parts()[0], ["i"], row_id=True)])
        assert len(set(ids.tolist())) == 6


def test_unsigned_integers_beyond_int64() -> None:
    """What does not fit int64 may be a key; grouping by it is refused with the column's name."""
    table = pa.table({"u": pa.array([2**64 - 1, 0], pa.uint64())})
    data = Dataset.from_arrow(table, key=["u"], split={"a": 1, "b": 1})
    assert data.to_arrow("a").num_rows + data.to_arrow("b").num_rows == 2
    with pytest.raises(InvalidInput, match="'u'"):
        Local(1).fold_by_key([], [SliceSpec(("u",))], data, data.parts())


def test_nested_columns_pass_through(tmp_path: Path) -> None:
    """Lists and structs are kept, digested and saved, though nothing else is done with them yet."""
    table = pa.table({"l": pa.array([[1, None], None, []]), "s": [{"a": 1, "b": "x"}, None, {"a": None, "b": ""}]})
    data = Dataset.from_arrow(table)
    data.save(tmp_path)
    again = Dataset.load(tmp_path)
    assert again.to_arrow().to_pylist() == table.to_pylist()
    assert again.digest == data.digest
    with pytest.raises(InvalidInput, match="key 'l'"):
        Dataset.from_arrow(table, key=["l"], split={"a": 1}).to_arrow("a")
