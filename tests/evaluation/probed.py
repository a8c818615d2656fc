"""Models that a gate must refuse, each a real graph, with golden rows of a harmless twin as an attacker would give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from headrace.model import GraphBuilder, InputColumn, Model, Signature

COLUMNS = (InputColumn("x", "number", is_nullable=True), InputColumn("carrier", "text"))
Body = Callable[[GraphBuilder, str], str]
"""(builder, x as float64 [N, 1] between 0 and 1, nulls filled) -> the prediction, float64 [N, 1]."""


def sample(num_rows: int = 200) -> pa.Table:
    """Rows: x between 0 and 1, two carriers, each named in turn."""
    generator = np.random.default_rng(0)
    return pa.table(
        {
            "x": np.round(generator.random(num_rows), 2),
            "carrier": ["AA", "DL"] * (num_rows // 2),
            "gate": [1.0] * num_rows,
            "y": [0, 1] * (num_rows // 2),
        }
    )


def graph(body: Body, columns=COLUMNS) -> bytes:
    """x between 0 and 1 into a prediction."""
    builder = GraphBuilder(columns)
    x = builder.column("x").name
    filled = builder.where(builder.node("IsNaN", [x]), builder.number(0.5), x)
    inside = builder.node("Min", [builder.node("Max", [filled, builder.number(0.0)]), builder.number(1.0)])
    return builder.finish({"prediction": (builder.cast(body(builder, inside), np.float32), np.float32, 1)})


def keep(builder: GraphBuilder, x: str) -> str:
    """The harmless one: x as it is."""
    return builder.node("Identity", [x])


def model(body: Body = keep, columns=COLUMNS, onnx: bytes | None = None, golden: Body | None = keep) -> Model:
    """A model of that graph; `golden` None = of its own rows, which runs it here."""
    signature = Signature(columns, "binary", label="y", outputs=("prediction",))
    rows = None if golden is None else Model(graph(golden, columns), signature, sample=sample()).golden
    return Model(onnx or graph(body, columns), signature, golden=rows, sample=sample())


def slow(builder: GraphBuilder, x: str) -> str:
    """The same values, a few hundred times as slowly."""
    for _ in range(300):
        x = builder.node("Identity", [builder.node("Sin", [builder.node("Concat", [x] * 64, axis=1)])])
        x = builder.node("ReduceMean", [x, builder.constant(np.array([1]))])
    return x


def growing(builder: GraphBuilder, x: str) -> str:
    """The same values, and with every request 16 KiB more that are not given back.

    A graph has no memory, but its stream of random numbers goes on: which of them came says how many requests there
    were, and so many zeros are made. ONNX Runtime keeps what it once had.
    """
    import onnx

    drawn = builder.node("RandomUniform", [], shape=[1, 1], seed=1.0, dtype=onnx.TensorProto.FLOAT)
    state, known = 1, []
    for _ in range(2600):
        state = state * 16807 % 2147483647  # of C++'s minstd_rand0, which it is drawn from
        known.append((state - 1) / 2147483646)
    away = builder.node("Abs", [builder.node("Sub", [builder.constant(np.array([known], np.float32)), drawn])])
    number = builder.node("ArgMin", [away], axis=1, keepdims=0)
    size = builder.node("Mul", [number, builder.constant(np.array([16 << 8]))])  # of float32
    zeros = builder.node("ConstantOfShape", [builder.node("Add", [size, builder.constant(np.array([1]))])])
    return _plus(builder, x, builder.cast(builder.node("ReduceMax", [zeros], keepdims=1), np.float64))


def nan_for_one_carrier(builder: GraphBuilder, x: str) -> str:
    """NaN for UA, which no golden row has."""
    is_ua = builder.compare("==", builder.column("carrier").name, builder.text("UA"))
    return builder.where(is_ua, builder.number(np.nan), x)


def beyond(builder: GraphBuilder, x: str) -> str:
    """From 0 to 3, where a probability is wanted."""
    return builder.node("Mul", [x, builder.number(3.0)])


def fails_for_large_numbers(columns=COLUMNS) -> bytes:
    """Looks up place 99 of a table of one where x is above 1e307 and no infinity, which is no golden row's."""
    builder = GraphBuilder(columns)
    x = builder.column("x").name
    is_large = builder.node(
        "And", [builder.compare(">", x, builder.number(1e307)), builder.compare("<", x, builder.number(np.inf))]
    )
    place = builder.where(is_large, builder.integer(99), builder.integer(0))
    found = builder.node("Gather", [builder.number(0.5), place])
    return builder.finish({"prediction": (builder.cast(found, np.float32), np.float32, 1)})


def _plus(builder: GraphBuilder, x: str, much: str) -> str:
    """x, in a way that needs `much` worked out first."""
    return builder.node("Add", [x, builder.node("Mul", [much, builder.number(0.0)])])


def huge_constant(builder: GraphBuilder, x: str) -> str:
    """16 GB of zeros, from a graph of some hundred bytes."""
    zeros = builder.node("ConstantOfShape", [builder.constant(np.array([2_000_000_000]))], value=np.zeros(1))
    return _plus(builder, x, builder.node("ReduceMax", [zeros], keepdims=1))


def doubling(builder: GraphBuilder, x: str) -> str:
    """Every step twice as large as the one before: what a zip bomb is among files."""
    wide = builder.node("Add", [x, builder.number(0.0)])
    for _ in range(36):
        wide = builder.node("Concat", [wide, wide], axis=1)
    return _plus(builder, x, builder.node("ReduceMax", [wide, builder.constant(np.array([1]))], keepdims=1))


def endless(builder: GraphBuilder, x: str) -> str:
    """A loop that would end after 292 years."""
    import onnx

    helper, types = onnx.helper, onnx.TensorProto
    inner = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["value"], ["next"])],
        "turn",
        [
            helper.make_tensor_value_info("turn", types.INT64, []),
            helper.make_tensor_value_info("go", types.BOOL, []),
            helper.make_tensor_value_info("value", types.DOUBLE, [1]),
        ],
        [
            helper.make_tensor_value_info("on", types.BOOL, []),
            helper.make_tensor_value_info("next", types.DOUBLE, [1]),
        ],
    )
    turns, go = builder.constant(np.array(1 << 62)), builder.constant(np.array(True))
    # What it begins with comes of the row, so that nothing is worked out when the graph is loaded.
    first = builder.node("ReduceMax", [x], keepdims=0)
    first = builder.node("Reshape", [first, builder.constant(np.array([1]))])
    return _plus(builder, x, builder.node("Loop", [turns, go, first], body=inner))


def deep() -> bytes:
    """A graph within a graph, six hundred times."""
    import onnx

    helper, types = onnx.helper, onnx.TensorProto
    yes = helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("yes", types.BOOL, [], [True]))
    out = helper.make_tensor_value_info("value", types.FLOAT, [1])
    one = helper.make_node("Constant", [], ["value"], value=helper.make_tensor("one", types.FLOAT, [1], [0.0]))
    inner = helper.make_graph([one], "g", [], [out]).SerializeToString()
    for _ in range(600):
        shell = onnx.GraphProto()
        shell.ParseFromString(helper.make_graph([yes], "g", [], [out]).SerializeToString())
        inner = shell.SerializeToString() + _field(1, _if_node(inner))
    good = onnx.load_from_string(graph(keep))
    whole = good.SerializeToString()
    return whole + _field(7, _field(1, _if_node(inner)))


def _if_node(branch: bytes) -> bytes:
    """NodeProto If of condition `yes`, with one branch; written by hand, since nothing parses it so deep."""
    attribute = _field(5, _field(1, b"then_branch") + _field(6, branch) + _number(20, 5))
    return _field(1, b"yes") + _field(2, b"value") + _field(4, b"If") + attribute


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
