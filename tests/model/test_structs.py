"""Structs on every road: a field is a column, wherever it was nested."""

import orjson
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema, UnknownName
from headrace.model import Codec, InputColumn, columns_of
from headrace.model.prelude import Derived
from headrace.schema import Feature, Schema
from headrace.testing.codec_cases import CodecCases, equal_lanes


def field(name, kind, *more, **others):
    """A column that is the field its name says."""
    return InputColumn(name, kind, *more, path=tuple(name.split(".")), **others)


class TestStructs(CodecCases):
    """Fields of every kind, several deep, beside plain columns."""

    columns = (
        InputColumn("n", "integer"),
        field("a.x", "number"),
        field("a.t", "text"),
        field("a.in.i", "integer"),
        field("a.in.w", "timestamp"),
        field("a.in.deep.f", "boolean"),
        field("a.l", "list", values_kind="number", derived=(Derived("sum", "number", (("list_sum",),)),)),
        InputColumn("t", "text"),
    )


class TestOneField(CodecCases):
    """Nothing but a field, which may not be null."""

    columns = (field("s.x", "integer", False),)


CODEC = Codec([field("s.a", "integer"), field("s.in.t", "text"), InputColumn("y", "number")], ["s.old", "s.gone"])


def test_what_is_null_or_missing():
    """A null struct, a missing one, a missing field, a struct without it in Arrow: the field is null."""
    rows = [
        {"s": {"a": 1, "in": {"t": "x"}}, "y": 1.0},
        {"s": {"a": None, "in": None}, "y": 1.0},
        {"s": None, "y": 1.0},
        {"y": 1.0},
        {"s": {}, "y": 1.0},
    ]
    lanes = CODEC.from_rows(rows)
    assert lanes["integer"][:, 0].tolist() == [1, 0, 0, 0, 0]
    assert lanes["present"][:, 0].tolist() == [True, False, False, False, False]
    assert lanes["text"][:, 0].tolist() == ["x", *["\x00null"] * 4]
    assert equal_lanes(CODEC.from_json(orjson.dumps({"instances": rows})), lanes)
    assert equal_lanes(CODEC.from_batch(pa.Table.from_pylist(rows)), lanes)
    flat = {"s.a": [1, None, None, None, None], "s.in.t": ["x", *[None] * 4], "y": [1.0] * 5}
    assert equal_lanes(CODEC.from_tensors(flat), lanes), "tensors are flat"
    assert equal_lanes(CODEC.from_rows([{key: flat[key][at] for key in flat} for at in range(5)]), lanes)
    without = pa.table({"s": pa.array([{"b": 1.0}], pa.struct([("b", pa.float64())])), "y": [1.0]})
    assert CODEC.from_batch(without)["present"].tolist() == [[False]], "a field that the struct has not"


def test_what_is_not_looked_at():
    """Fields that a data set had and no feature reads may be sent."""
    assert CODEC.from_rows([{"s": {"a": 1, "old": [1], "gone": {"deep": 1}}, "y": 2.0}])["integer"].tolist() == [[1]]


def test_what_is_refused():
    """What is no struct, has another field, or lacks one that may not be null: named by its whole name."""
    with pytest.raises(InvalidRequest, match=r"5 is no struct \(row 1, column 's'\); expected an object"):
        CODEC.from_rows([{}, {"s": 5}])
    with pytest.raises(InvalidRequest, match=r"'x' is no struct \(row 0, column 's\.in'\)"):
        CODEC.from_json(b'{"instances": [{"s": {"in": "x"}}]}')
    with pytest.raises(InvalidRequest, match=r"unknown column 's\.in\.z'"):
        CODEC.from_rows([{"s": {"in": {"z": 1}}}])
    with pytest.raises(InvalidRequest, match=r"column 's\.a'"):
        CODEC.from_rows([{"s": {"a": "one"}}])
    strict = Codec([field("s.a", "integer", False), field("s.b", "integer")])
    for row in ({"s": {"b": 1}}, {"s": None}, {}):
        with pytest.raises(InvalidRequest, match="missing"):
            strict.from_rows([row])
    with pytest.raises(InvalidInput, match="null where none is allowed"):
        strict.from_batch(pa.Table.from_pylist([{"s": {"a": 1, "b": 1}}, {"s": None}]))
    with pytest.raises(InvalidSchema, match="a struct with a field 'a'"):
        strict.from_batch(pa.Table.from_pylist([{"s": {"b": 1}}]))
    with pytest.raises(InvalidSchema, match="'s' is int64"):
        strict.from_batch(pa.table({"s": [1]}))
    with pytest.raises(UnknownName, match="no column named 's'"):
        strict.from_batch(pa.table({"t": [1]}))


def test_the_schema_says_where_a_field_lies():
    """Kinds, presence and ranges of fields as of columns; signatures keep the path; a dot alone is no struct."""
    schema = Schema.from_arrow(
        pa.schema(
            [("a", pa.struct([("b", pa.int32()), ("c", pa.struct([("d.e", pa.string())]))])), ("x.y", pa.int64())]
        )
    )
    assert [item.name for item in schema.features] == ["a", "x.y", "a.b", "a.c", "a.c.d.e"]
    schema = schema.with_feature(Feature("a.b", "integer", min_present=1.0, min=0))
    found = columns_of(schema, ["a.b", "a.c.d.e", "x.y"])
    assert [column.path for column in found] == [("a", "b"), ("a", "c", "d.e"), ()]
    assert (found[0].is_nullable, found[0].min) == (False, 0)
    assert InputColumn(**found[1].to_plain()) == found[1]
    with pytest.raises(InvalidInput, match=r'name a field of it: x\["a.<field>"\]'):
        columns_of(schema, ["a"])
    with pytest.raises(InvalidInput, match="what its name says"):
        InputColumn("a.b", "integer", path=("a", "c"))
