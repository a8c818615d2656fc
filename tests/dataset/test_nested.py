"""Fields of structs are read as columns are."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset import Dataset
from headrace.dataset.nested import field_of, names_with_fields, select_with_fields
from headrace.engine import LocalEngine
from headrace.errors import InvalidSchema, UnknownName
from headrace.fold.totals import Totals
from headrace.kinds import fields_of

ROWS = [
    {"id": 1, "a": {"b": 1, "in": {"t": "x"}}},
    {"id": 2, "a": {"b": None, "in": None}},
    {"id": 3, "a": None},
    {"id": 4, "a": {"b": 4, "in": {"t": None}}},
]
TABLE = pa.Table.from_pylist(ROWS)


def test_names_and_types():
    """Structs before what is in them; a column that has a field's name hides it; of two of one name the first."""
    assert list(fields_of(TABLE.schema)) == ["a.b", "a.in", "a.in.t"]
    assert names_with_fields([TABLE.schema]) == ["id", "a", "a.b", "a.in", "a.in.t"]
    hidden = pa.schema([*TABLE.schema, ("a.b", pa.string())])
    assert "a.b" not in fields_of(hidden)
    twice = pa.schema([("a", pa.struct([("b.c", pa.int64()), ("b", pa.struct([("c", pa.string())]))]))])
    assert fields_of(twice)["a.b.c"] == (("a", "b.c"), pa.int64())


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_a_data_set_reads_fields(kind, tmp_path):
    """From memory and from files, in the order asked for, with row ids and splits as ever; null where the struct is."""
    if kind == "parquet":
        pq.write_table(TABLE, tmp_path / "a.parquet")
        dataset = Dataset.from_parquet(tmp_path / "a.parquet", key=["id"], split={"train": 1, "eval": 1})
    else:
        dataset = Dataset.from_arrow(TABLE, key=["id"], split={"train": 1, "eval": 1})
    found = dataset.to_arrow(columns=["a.in.t", "id", "a.b"])
    assert found.column_names == ["a.in.t", "id", "a.b"]
    expected = [{"a.in.t": "x", "id": 1, "a.b": 1}, *({"a.in.t": None, "id": n, "a.b": None} for n in (2, 3))]
    assert sorted(found.to_pylist(), key=lambda row: row["id"])[:3] == expected
    with pytest.raises(UnknownName, match=r"a\.z"):
        dataset.to_arrow(columns=["a.z"])


def test_spans_that_differ():
    """A field of int32 here and int64 there is read as int64; one that a span lacks is told as a column is."""
    one = Dataset.from_arrow(pa.table({"a": pa.array([{"b": 1}], pa.struct([("b", pa.int32())]))}))
    two = Dataset.from_arrow(TABLE.drop_columns(["id"]))
    spans = (
        one.spans[0],
        replace(
            two.spans[0], name="later", fragments=tuple(replace(item, locator="1") for item in two.spans[0].fragments)
        ),
    )
    both = Dataset(spans, one.roles, _tables=(*one._tables, *two._tables))
    assert both.to_arrow(columns=["a.b"])["a.b"].to_pylist() == [1, 1, None, None, 4]
    assert both.to_arrow(columns=["a.b"])["a.b"].type == pa.int64()
    with pytest.raises(InvalidSchema, match=r"a\.in\.t"):
        both.to_arrow(columns=["a.in.t"])


def test_a_field_of_what_is_no_struct():
    """Told with what it is; a field that may be missing is null."""
    with pytest.raises(InvalidSchema, match=r"'a\.b' is int64 .*expected a struct with a field 'c'"):
        field_of(TABLE["a"], ("a", "b", "c"))
    assert field_of(TABLE["a"], ("a", "z"), is_optional=True).null_count == 4
    assert field_of(pa.nulls(2), ("a", "z")).null_count == 2
    batch = select_with_fields(TABLE.to_batches()[0], ["a.b", "a"])
    assert batch.schema.names == ["a.b", "a"]


def test_folds_take_fields():
    """What counts a column counts a field."""
    dataset = Dataset.from_arrow(TABLE)
    fold = Totals("a.b")
    state = LocalEngine().fold([fold], dataset, dataset.parts())[0]
    found = fold.extract(state)
    assert (found.num_values.tolist(), found.total.tolist()) == ([2], [5.0])
