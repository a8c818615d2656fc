"""What is written so that ONNX Runtime runs it quickest: the same bytes, and what rounds otherwise is not touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from headrace.model.columns import InputColumn
from headrace.model.graph import GraphBuilder
from headrace.model.session import open_session

_ROWS = (1, 2, 3, 7, 31, 100, 1003)
_AWKWARD = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-320, 0.1, 1 / 3, 2.0**53 + 2, -7.0])


def _numbers(number: int) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(number)
    found = random.normal(size=number) * 10.0 ** random.integers(-9, 9, number)
    found[: len(_AWKWARD)] = _AWKWARD[:number]
    return found.reshape(-1, 1)


def _narrow(model: bytes) -> bytes:
    """The same graph with every constant of one value as it was written: [1]."""
    proto = onnx.load_from_string(model)
    for tensor in proto.graph.initializer:
        if list(tensor.dims) == [1, 1]:
            tensor.dims[:] = [1]
    return bytes(proto.SerializeToString())


def _shapes(model: bytes) -> list[list[int]]:
    return [list(tensor.dims) for tensor in onnx.load_from_string(model).graph.initializer]


def _both(make: Callable[[GraphBuilder, str], str], columns: list[InputColumn], name: str) -> tuple[bytes, bytes]:
    builder = GraphBuilder(columns)
    made = builder.cast(make(builder, builder.column(name).name), np.float64)
    wide = builder.finish({"found": (made, np.float64, 1)})
    return wide, _narrow(wide)


def _run(model: bytes, feed: dict[str, Any]) -> bytes:
    return bytes(np.asarray(open_session(model).run(["found"], feed)[0]).tobytes())


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Less", "LessOrEqual", "Equal", "Greater"])
@pytest.mark.parametrize("constant", [0.1, -0.0, np.nan, 3.0])
def test_numbers_are_the_same_bytes(op: str, constant: float) -> None:
    """Arithmetic and comparisons of float64, on either side of a constant, in any batch."""
    for turned in (False, True):

        def make(builder: GraphBuilder, column: str, turned: bool = turned) -> str:
            taken = [column, builder.number(constant)]
            return builder.node(op, taken[::-1] if turned else taken)

        wide, narrow = _both(make, [InputColumn("a", "number")], "a")
        assert _shapes(wide) == [[1, 1]]
        for number in _ROWS:
            feed = {"number": _numbers(number)}
            assert _run(wide, feed) == _run(narrow, feed)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Mod"])
def test_integers_are_the_same_bytes(op: str) -> None:
    """Arithmetic of int64, as dates are made of, up to both ends."""
    wide, narrow = _both(
        lambda builder, column: builder.node(op, [column, builder.integer(7)]),
        [InputColumn("a", "integer", is_nullable=False)],
        "a",
    )
    for number in _ROWS:
        values = np.random.default_rng(number).integers(-(2**62), 2**62, (number, 1))
        assert _run(wide, {"integer": values}) == _run(narrow, {"integer": values})


def test_a_choice_is_the_same_bytes() -> None:
    """Where, whose two choices are constants or one is."""

    def make(builder: GraphBuilder, column: str) -> str:
        is_small = builder.compare("<", column, builder.number(0.5))
        filled = builder.where(builder.node("IsNaN", [column]), builder.number(55.0), column)
        return builder.where(is_small, builder.number(-0.0), builder.where(is_small, filled, builder.number(2.0)))

    wide, narrow = _both(make, [InputColumn("a", "number")], "a")
    assert _shapes(wide) == [[1, 1]] * 4
    for number in _ROWS:
        feed = {"number": _numbers(number)}
        assert _run(wide, feed) == _run(narrow, feed)


@pytest.mark.parametrize("op", ["Pow", "Max", "Min"])
def test_what_rounds_otherwise_in_a_span_is_left_alone(op: str) -> None:
    """ONNX Runtime squares where a lone exponent is 2, and takes either zero of two."""
    wide, _ = _both(
        lambda builder, column: builder.node(op, [column, builder.number(2.0)]), [InputColumn("a", "number")], "a"
    )
    assert _shapes(wide) == [[1]]


def test_what_is_no_column_keeps_its_axes() -> None:
    """A constant beside a constant, or an index, is as it was written."""
    builder = GraphBuilder([InputColumn("a", "number")])
    table = builder.node("Add", [builder.constant(np.arange(3.0)), builder.number(1.0)])
    place = builder.cast(builder.column("a").name, np.int64)
    found = builder.node("Gather", [table, place])
    model = builder.finish({"found": (builder.node("Gather", [found, builder.integer(0)], axis=1), np.float64, 1)})
    assert [1, 1] not in _shapes(model)
    answer = open_session(model).run(["found"], {"number": np.array([[2.0], [0.0]])})[0]
    assert answer.tolist() == [[3.0], [1.0]]


_LANE = [InputColumn(name, "number") for name in "abc"]


def _ops(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_lone_column_of_a_lane_is_gathered(name: str) -> None:
    """Where one column of a lane is read, no other is made; read twice it is still one."""
    builder = GraphBuilder(_LANE)
    column = builder.column(name).name
    outputs: dict[str, Any] = {"found": (column, np.float64, 1), "more": (builder.node("Neg", [column]), np.float64, 1)}
    model = builder.finish(outputs)
    assert sorted(_ops(model)) == ["Gather", "Neg"]
    for number in _ROWS:
        lane = np.hstack([_numbers(number), _numbers(number) + 1, _numbers(number) * 2])
        assert _run(model, {"number": lane}) == lane[:, ["abc".index(name)]].tobytes()
    builder.column("b" if name == "a" else "a")
    assert builder.finish(outputs) == model


def test_a_lone_text_is_gathered() -> None:
    """Texts too."""
    builder = GraphBuilder([InputColumn("a", "text"), InputColumn("b", "text")])
    builder.column("a")
    model = builder.finish({"found": (builder.column("b").name, np.str_, 1)})
    assert _ops(model) == ["Gather"]
    answer = open_session(model).run(["found"], {"text": np.array([["x", "y"], ["", "z"]], dtype=object)})[0]
    assert answer.tolist() == [["y"], ["z"]]


def test_several_columns_of_a_lane_are_split() -> None:
    """One Split for two columns and more."""
    builder = GraphBuilder(_LANE)
    added = builder.node("Add", [builder.column("a").name, builder.column("c").name])
    assert _ops(builder.finish({"found": (added, np.float64, 1)})) == ["Split", "Add"]


def test_a_choice_of_whole_numbers_is_made_as_numbers() -> None:
    """A Where of two whole constants that is read as float64 is one node, also beyond 2^53; as text it stays whole."""
    for one, other in ((1, 0), (2**53 + 1, -(2**63)), (-7, 2**62 + 3)):
        builder = GraphBuilder([InputColumn("a", "number")])
        is_small = builder.compare("<", builder.column("a").name, builder.number(0.5))
        chosen = builder.where(is_small, builder.integer(one), builder.integer(other))
        model = builder.finish({"found": (builder.cast(chosen, np.float64), np.float64, 1)})
        assert _ops(model) == ["Less", "Where"]
        answer = open_session(model).run(["found"], {"number": np.array([[0.0], [1.0], [np.nan]])})[0]
        assert answer.ravel().tolist() == [float(one), float(other), float(other)]
        text = builder.finish({"found": (builder.cast(chosen, np.str_), np.str_, 1)})
        assert _ops(text) == ["Less", "Where", "Cast"]


def test_equal_calls_give_equal_bytes() -> None:
    """Finished twice, and with a further output later, a graph is the same."""
    builder = GraphBuilder([InputColumn("a", "number")])
    column = builder.column("a").name
    one = builder.node("Add", [column, builder.number(1.0)])
    outputs: dict[str, Any] = {"found": (one, np.float64, 1)}
    first = builder.finish(outputs)
    builder.node("Max", [one, builder.number(1.0)])
    assert builder.finish(outputs) == first
