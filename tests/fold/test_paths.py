"""Paths: what lies in lists, structs, maps and decimals, by hand, and the fold's laws on all of it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.fold import Distribution, Rows
from headrace.fold._paths import follow, path_text
from headrace.testing.fold_laws import FoldLaws

_STRUCT = pa.struct([pa.field("a", pa.int64()), pa.field("t", pa.string())])


def _column(data_type: pa.DataType, values: st.SearchStrategy[object]) -> st.SearchStrategy[pa.Array]:
    """Some values of a type, with nulls, as a slice of a longer array."""
    items = st.lists(st.none() | values, min_size=9, max_size=9)
    return items.map(lambda found: pa.array([found[0], *found], data_type).slice(1))


_TEXT = st.sampled_from(["", "a", "é", "b"])
_LISTS = st.lists(st.none() | _TEXT, max_size=3)
_STRUCTS = st.fixed_dictionaries({"a": st.none() | st.integers(-3, 3), "t": st.none() | _TEXT})


class TestPathLaws(FoldLaws):
    """The laws on what lies in columns."""

    folds = (
        Distribution("list", "text", path=("[]",)),
        Distribution("list", "integer", 1, path=("#",)),
        Distribution("struct", "integer", path=(".a",)),
        Distribution("struct", "struct"),
        Distribution("structs", "text", 1, path=("[]", ".t")),
        Distribution("decimal", "integer", path=("e2",)),
        Distribution("binary", "binary", 1),
    )
    rows = st.builds(
        lambda *arrays: Rows(
            pa.record_batch(list(arrays), names=["list", "struct", "structs", "decimal", "binary"]),
            np.arange(9, dtype=np.uint64),
        ),
        _column(pa.list_(pa.string()), _LISTS),
        _column(_STRUCT, _STRUCTS),
        _column(pa.large_list(_STRUCT), st.lists(st.none() | _STRUCTS, max_size=2)),
        _column(pa.decimal128(9, 2), st.integers(-500, 500).map(lambda value: Decimal(value).scaleb(-2))),
        _column(pa.binary(), st.sampled_from([b"", b"\xff", b"ab"])),
    )


@pytest.mark.parametrize(
    ("array", "path", "expected"),
    [
        (pa.array([[1, None], None, [], [2]]), ("[]",), [1, None, 2]),
        (pa.array([[1, None], None, [], [2]]), ("#",), [2, None, 0, 1]),
        (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)), ("[]",), [1, 2, 3, 4]),
        (pa.array([[1, 2], None, [3]], pa.list_view(pa.int8())), ("[]",), [1, 2, 3]),
        (pa.array([[1, 2], None, [3]], pa.large_list_view(pa.int8())), ("#",), [2, None, 1]),
        (pa.array([{"a": 1}, None, {"a": None}]), (".a",), [1, None, None]),
        (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())), ("[]", ".value"), [1]),
        (pa.array([Decimal("-1.25"), None], pa.decimal32(5, 2)), ("e2",), [-125, None]),
        (pa.array([Decimal("-1.25"), None], pa.decimal256(40, 2)), ("~",), [-1.25, None]),
        (pa.array([-1, None, 1999], pa.duration("ns")), ("us",), [-1, None, 1]),
        (pa.array([-1, None, 2], pa.duration("s")), ("us",), [-1_000_000, None, 2_000_000]),
        (pa.array([1, None], pa.time32("ms")), ("time",), [1_000, None]),
        (pa.nulls(2), ("[]",), []),
        (pa.nulls(2), ("#",), [None, None]),
    ],
)
def test_steps_by_hand(array: pa.Array, path: tuple[str, ...], expected: list[object]) -> None:
    """Each step leads to what the table of the module says, in a slice of a column too."""
    found, _ = follow(array, path, None, "x")
    assert found.to_pylist() == expected
    padded = pa.concat_arrays([array, array]).slice(len(array))
    again, _ = follow(padded, path, None, "x")
    again.validate(full=True)
    assert again.to_pylist() == expected


def test_groups_follow_their_values() -> None:
    """A list's values are in the group of its row."""
    _, groups = follow(pa.array([[1, 2], None, [], [3]]), ("[]",), np.array([4, 5, 6, 7], np.int32), "x")
    assert groups is not None and groups.tolist() == [4, 4, 7]


@pytest.mark.parametrize("path", [(".b",), ("[]",), ("e2",), ("us",)])
def test_a_path_that_is_not_there_is_told(path: tuple[str, ...]) -> None:
    """A column without such a path is an error that names it."""
    with pytest.raises(InvalidInput, match="column 'x'"):
        follow(pa.array([{"a": 1}]), path, None, "x")


def test_a_decimal_too_large_is_told() -> None:
    """An integer of a decimal that no int64 holds is an error, not another number."""
    with pytest.raises(InvalidInput, match="more digits"):
        follow(pa.array([Decimal(10) ** 25], pa.decimal128(38, 2)), ("e2",), None, "x")


def test_names() -> None:
    """Values of a list at the end are called as the list is, and so are converted values."""
    assert [path_text(path) for path in [(), ("[]",), (".a", "e2"), ("[]", "[]", "us"), ("[]", ".a", "#")]] == [
        "",
        "",
        ".a",
        "[]",
        "[].a",
    ]
