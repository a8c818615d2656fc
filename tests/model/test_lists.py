"""Lists on every road: what is derived of them lies in lanes, byte for byte the same."""

import numpy as np
import orjson
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema, UnknownName
from headrace.model import Codec, InputColumn
from headrace.model.prelude import Derived
from headrace.testing.codec_cases import CodecCases, equal_lanes


def derived(name, *steps_of_kinds):
    """Derived columns of lists: (kind, step) each."""
    return tuple(Derived(f"{name}@{place}", kind, (step,)) for place, (kind, step) in enumerate(steps_of_kinds))


class TestLists(CodecCases):
    """Lists of every kind of values, beside a plain column; what lies in lanes is derived of them."""

    columns = (
        InputColumn("n", "integer"),
        InputColumn(
            "p",
            "list",
            values_kind="number",
            derived=derived("p", ("number", ("list_sum",)), ("integer", ("list_length",)), ("number", ("list_get", 0))),
        ),
        InputColumn(
            "t",
            "list",
            values_kind="text",
            derived=derived("t", ("text", ("list_join", "|")), ("boolean", ("list_contains", "AA"))),
        ),
        InputColumn("w", "list", False, values_kind="timestamp", derived=derived("w", ("timestamp", ("list_min",)))),
        InputColumn("f", "list", values_kind="boolean", derived=derived("f", ("number", ("list_mean",)))),
    )


class TestListsAlone(CodecCases):
    """Nothing but a list."""

    columns = (InputColumn("i", "list", values_kind="integer", derived=derived("i", ("integer", ("list_get", -1)))),)


def test_lists_of_other_types():
    """Large, fixed and viewed lists, of smaller numbers, of nulls alone, arrays [N, L]: lists of their values."""
    column = InputColumn("p", "list", values_kind="number", derived=derived("p", ("number", ("list_sum",))))
    codec = Codec([column])
    assert codec.columns[0].arrow_type == pa.list_(pa.float64())
    assert InputColumn(**column.to_plain()) == column
    expected = codec.from_rows([{"p": [1.0, 2.0]}, {"p": [3.0, 4.0]}])
    for made in (pa.large_list(pa.int32()), pa.list_(pa.float32(), 2), pa.list_view(pa.int8())):
        table = pa.table({"p": pa.array([[1, 2], [3, 4]], made)})
        assert equal_lanes(codec.from_batch(table), expected), made
    assert equal_lanes(codec.from_tensors({"p": np.array([[1.0, 2.0], [3.0, 4.0]])}), expected)
    nulls = codec.from_batch(pa.table({"p": pa.array([[None], []], pa.list_(pa.null()))}))
    assert nulls["number"].tolist() == [[0.0], [0.0]]
    assert np.isnan(codec.from_batch(pa.table({"p": pa.nulls(1)}))["number"]).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, "1.0 is no list"),
        (["a"], "'a' is a text"),
        ([[1.0]], "is no number"),
        ("ab", "'ab' is no list"),
    ],
)
def test_what_is_no_list_of_numbers(value, message):
    """Row and column are named, whoever sends it."""
    codec = Codec([InputColumn("p", "list", values_kind="number"), InputColumn("n", "number")])
    for ask in (
        lambda: codec.from_rows([{"n": 1.0}, {"p": value, "n": 2.0}]),
        lambda: codec.from_json(orjson.dumps({"instances": [{}, {"p": value}]})),
        lambda: codec.from_tensors({"n": np.zeros(2), "p": [None, value]}),
    ):
        with pytest.raises(InvalidRequest, match=r"row 1, column 'p'") as error:
            ask()
        assert message in str(error.value)


def test_lists_that_tables_and_tensors_may_not_hold():
    """Other types, nulls where none are allowed, texts no model may hold, differing numbers of rows."""
    codec = Codec([InputColumn("p", "list", False, values_kind="text"), InputColumn("n", "number")])
    for column, message in (
        (pa.array(["a"]), "is string"),
        (pa.array([[1]]), "a list of int64"),
        (pa.array([None], pa.list_(pa.string())), "row 0, column 'p'"),
        (pa.array([["\x00"]]), "U\\+0000"),
    ):
        with pytest.raises((InvalidInput, InvalidSchema), match=message):
            codec.from_batch(pa.table({"p": column, "n": [1.0]}))
    with pytest.raises(UnknownName, match="'p'"):
        codec.from_batch(pa.table({"n": [1.0]}))
    with pytest.raises(InvalidRequest, match="2 rows"):
        codec.from_tensors({"n": np.zeros(1), "p": [["a"], ["b"]]})
    with pytest.raises(InvalidRequest, match="missing"):
        codec.from_rows([{"n": 1.0}])
    with pytest.raises(InvalidInput, match="a list of struct cannot enter"):
        InputColumn("p", "list", values_kind="struct")
