"""The logical digest: what the rows say, not how they are written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.dataset.digest import RowsDigest

_SETTINGS = settings(max_examples=40, deadline=None, derandomize=True, database=None)

VALUES: dict[pa.DataType, list[Any]] = {
    pa.int8(): [1, -1, None, 127],
    pa.uint64(): [0, 2**64 - 1, None, 1],
    pa.float64(): [0.5, float("nan"), None, -0.0],
    pa.float16(): [np.float16(0.5), None, np.float16(2), np.float16(1)],
    pa.bool_(): [True, None, False, True],
    pa.string(): ["AA", None, "", "Straße 😀"],
    pa.binary(): [b"\xff", None, b"", b"AA"],
    pa.binary(2): [b"ab", None, b"cd", b"ab"],
    pa.timestamp("us", tz="UTC"): [0, None, 1, -1],
    pa.date32(): [0, None, 1, 2],
    pa.decimal128(10, 2): [None, 1, 2, 3],
    pa.null(): [None] * 4,
    pa.list_(pa.int32()): [[1, None], None, [], [3]],
    pa.list_(pa.string()): [["a", None], None, [], ["", "b"]],
    pa.struct([("a", pa.int8()), ("b", pa.string())]): [
        {"a": 1, "b": None},
        None,
        {"a": None, "b": "x"},
        {"a": 2, "b": ""},
    ],
    pa.map_(pa.string(), pa.int64()): [[("k", 1)], None, [], [("a", None), ("b", 2)]],
}


def _digest(batches: list[pa.RecordBatch], schema: pa.Schema) -> str:
    found = RowsDigest(schema, ["x"])
    for batch in batches:
        found.add(batch, None)
    return found.finish()


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_bounds_of_batches_do_not_count(kind: pa.DataType) -> None:
    """Every type digests the same whole, row by row, and as a slice of something larger."""
    schema = pa.schema({"x": kind})
    array = pa.array(VALUES[kind] * 5, kind)
    whole = pa.record_batch([array], schema=schema)
    expected = _digest([whole], schema)
    assert _digest([whole.slice(row, 1) for row in range(20)], schema) == expected
    assert _digest([whole.slice(0, 3), whole.slice(3, 0), whole.slice(3, 9), whole.slice(12)], schema) == expected
    longer = pa.record_batch([pa.concat_arrays([array.slice(2, 1), array, array.slice(0, 2)])], schema=schema)
    assert _digest([longer.slice(1, 20)], schema) == expected


@pytest.mark.parametrize("kind", [k for k in VALUES if not pa.types.is_null(k)], ids=str)
def test_every_change_counts(kind: pa.DataType) -> None:
    """Another order, a value less, a null more: always another digest."""
    schema = pa.schema({"x": kind})
    values = VALUES[kind]
    variants = [values, values[::-1], values[:3], [*values, None], [None, *values[1:]], [values[0]] * 4]
    found = {_digest([pa.record_batch([pa.array(v, kind)], schema=schema)], schema) for v in variants}
    assert len(found) == len(variants) - (values[0] is None)  # the fifth variant is the first when it starts with null


def test_what_lies_under_a_null_does_not_count() -> None:
    """Bytes behind a null, in numbers and in text, are not data."""
    valid = pa.py_buffer(b"\x05")  # of three values the middle one is null
    numbers = [
        pa.Array.from_buffers(pa.int64(), 3, [valid, pa.py_buffer(np.array([1, hidden, 3]))]) for hidden in (2, 9)
    ]
    schema = pa.schema({"x": pa.int64()})
    assert len({_digest([pa.record_batch([array], schema=schema)], schema) for array in numbers}) == 1
    offsets = pa.py_buffer(np.array([0, 1, 3, 4], np.int32))
    dirty = pa.Array.from_buffers(pa.string(), 3, [valid, offsets, pa.py_buffer(b"aXXb")])
    schema = pa.schema({"x": pa.string()})
    clean = pa.array(["a", None, "b"])
    assert _digest([pa.record_batch([dirty], schema=schema)], schema) == _digest(
        [pa.record_batch([clean], schema=schema)], schema
    )


ENCODINGS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "plain": lambda table: table,
    "dictionary": lambda table: table.set_column(1, "c", table["c"].dictionary_encode()),
    "large": lambda table: table.set_column(1, "c", table["c"].cast(pa.large_string())),
    "view": lambda table: table.set_column(1, "c", table["c"].cast(pa.string_view())),
    "run ends": lambda table: table.set_column(1, "c", pc.run_end_encode(table["c"].combine_chunks())),
    "many chunks": lambda table: pa.concat_tables([table.slice(row, 7) for row in range(0, table.num_rows, 7)]),
    "not nullable": lambda table: table.cast(
        pa.schema([table.schema.field(0).with_nullable(True), *list(table.schema)[1:]])
    ),
    "metadata": lambda table: table.replace_schema_metadata({"pandas": "{}"}),
}
WRITERS: dict[str, dict[str, Any]] = {
    "default": {},
    "plain pages": {"use_dictionary": False, "compression": "none"},
    "small groups": {"row_group_size": 11, "compression": "zstd"},
    "old format": {"version": "1.0", "data_page_version": "2.0"},
    "without the arrow schema": {"store_schema": False},
    "split bytes": {"use_dictionary": False, "column_encoding": {"x": "BYTE_STREAM_SPLIT"}},
}


def _table() -> pa.Table:
    random = np.random.default_rng(5)
    missing = random.random(200) < 0.3
    return pa.table(
        {
            "id": pa.array(random.integers(0, 60, 200), mask=missing),
            "c": pa.array([None if m else f"é{n}" for m, n in zip(missing, random.integers(0, 9, 200), strict=True)]),
            "x": pa.array(random.normal(size=200), mask=missing),
        }
    )


ROLES: dict[str, Any] = {"label": "x", "key": ["id"], "split": {"train": 8, "eval": 2}}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_in_memory_do_not_count(encoding: str) -> None:
    """Dictionaries, large offsets, views, chunks and metadata say the same rows."""
    plain = Dataset.from_arrow(_table(), **ROLES)
    other = Dataset.from_arrow(ENCODINGS[encoding](_table()), **ROLES)
    assert other.part_digests == plain.part_digests
    assert other.digest == plain.digest


@pytest.mark.parametrize("writer", WRITERS)
def test_the_writer_does_not_count(writer: str, tmp_path: Path) -> None:
    """However Parquet was written, in one file or in three, the rows are the same rows."""
    table = _table()
    expected = Dataset.from_arrow(table, **ROLES)
    pq.write_table(table, tmp_path / "whole.parquet", **WRITERS[writer])
    assert Dataset.from_parquet(tmp_path / "whole.parquet", **ROLES).digest == expected.digest
    for number, (first, rows) in enumerate(((0, 1), (1, 0), (1, 150), (151, 49))):
        pq.write_table(table.slice(first, rows), tmp_path / f"part{number}.parquet", **WRITERS[writer])
    assert Dataset.from_parquet(tmp_path / "part*.parquet", **ROLES).digest == expected.digest


def test_what_counts() -> None:
    """A value, a name, a type, the order of rows, a role, the split, the schema: each gives another digest."""
    from headrace.schema import Schema

    table = _table()
    base = Dataset.from_arrow(table, **ROLES)
    swapped = table.take(pa.array([1, 0, *range(2, 200)]))
    others = [
        Dataset.from_arrow(swapped, **ROLES),
        Dataset.from_arrow(table.rename_columns(["id", "d", "x"]), **ROLES),
        Dataset.from_arrow(table.select(["id", "x"]), **ROLES),
        Dataset.from_arrow(table.set_column(0, "id", table["id"].cast(pa.int16())), **ROLES),
        Dataset.from_arrow(table, **{**ROLES, "label": None}),
        Dataset.from_arrow(table, **{**ROLES, "key": ["c"]}),
        Dataset.from_arrow(table, **{**ROLES, "split": {"train": 7, "eval": 3}}),
        Dataset.from_arrow(table, **{**ROLES, "split": None}),
        Dataset.from_arrow(table, **ROLES, span="2013-01"),
        base.with_schema(Schema.from_arrow(table.schema)),
    ]
    digests = [base.digest, *(other.digest for other in others)]
    assert len(set(digests)) == len(digests)


def test_order_of_typing_does_not_count() -> None:
    """A split is its weights, in whatever order they were typed."""
    left = Dataset.from_arrow(_table(), **{**ROLES, "split": {"train": 8, "eval": 2}})
    right = Dataset.from_arrow(_table(), **{**ROLES, "split": {"eval": 2, "train": 8}})
    assert left.digest == right.digest


def test_without_a_key_the_files_count(tmp_path: Path) -> None:
    """Rows without a key are known by their place, so other files are other rows; row groups never are."""
    table = _table()
    pq.write_table(table, tmp_path / "whole.parquet", row_group_size=9)
    pq.write_table(table.slice(0, 100), tmp_path / "part0.parquet")
    pq.write_table(table.slice(100), tmp_path / "part1.parquet")
    memory = Dataset.from_arrow(table)
    assert Dataset.from_parquet(tmp_path / "whole.parquet").digest == memory.digest
    assert Dataset.from_parquet(tmp_path / "part*.parquet").digest != memory.digest


@_SETTINGS
@given(data=st.data())
def test_random_cuts_and_encodings(data: st.DataObject) -> None:
    """Random rows in random chunks, some as dictionaries, digest as they do whole."""
    texts = data.draw(st.lists(st.one_of(st.none(), st.text(max_size=9)), max_size=40))
    schema = pa.schema({"x": pa.string()})
    expected = _digest([pa.record_batch([pa.array(texts, pa.string())], schema=schema)], schema)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=5)))
    batches = []
    for first, last in zip([0, *cuts], [*cuts, len(texts)], strict=True):
        array = pa.array(texts[first:last], pa.string())
        batches.append(pa.record_batch({"x": array.dictionary_encode() if data.draw(st.booleans()) else array}))
    assert _digest(batches, schema) == expected


def test_golden() -> None:
    """A digest that was computed long ago is computed again: caches and lineage depend on it."""
    data = Dataset.from_arrow(
        pa.table(
            {"id": [1, 2, None], "c": ["AA", None, ""], "t": pa.array([0, None, 1], pa.timestamp("us", tz="UTC"))}
        ),
        key=["id"],
        split={"train": 1, "eval": 1},
    )
    assert data.digest == "63361e9e5366cc23d864567818e70fb2731f8d2e4f1b57aa48a2576de3a869e5"
