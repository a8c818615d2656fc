"""ops.onnx: a pretrained part, as an ONNX model, inside the graph."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.checks import check_graph
from headrace.model.external import take_outside
from headrace.model.graph import OPSETS, GraphBuilder, Value
from headrace.model.session import open_session
from headrace.model.weights import OnnxBytes, external_content, keep, kept
from headrace.transformation._contract import Op, ValueType

__all__ = ["Onnx"]

_MOST_BYTES = 64 << 20
_MOST_FILE = (2 << 30) - (1 << 20)  # where protobuf ends
_BATCHES = (1, 2, 3, 7, 31, 100)
_WHERE = "the model of ops.onnx"


@dataclass(frozen=True)
class Onnx(Op):
    """`ops.onnx(x.a, x.b, model=Path("encoder.onnx"))`: what a model that was fitted elsewhere says of these numbers.

    Its nodes become nodes of the graph, its weights part of it: nothing is called, and no file is needed in serving.

    Parameters
    ----------
    model : bytes or Path
        A serialised ONNX model with one input of float32 or float64 [N, inputs]; operators of ai.onnx (up to opset 21)
        and ai.onnx.ml (up to 5), without functions, loops and branches. Up to 64 MiB it becomes part of the features as
        it is. Of a larger file, or one with external data in its own folder, the weights are known by their content
        and lie beside the graph (`headrace.model.weights`); bytes have no folder, and none of it.
    output : str, optional
        Which of its outputs, of [N] or [N, width] numbers; the first by default.
    weights : sequence of str
        Left out by users: the contents of such weights.

    The inputs are numbers, side by side in the order they are given; vectors are taken too. The result is a vector, of
    width 1 where the model gives one number a row.

    Nulls: null goes in as NaN, and what comes out is what the model makes of it.

    The model is tried on 100 rows at once and 1, 2, 3, 7 and 31 at a time: one whose answer to a row depends, in any
    bit, on the rows around it cannot be served as it was materialised, and is refused.

    Raises InvalidInput for a model that is no such one, or for inputs that are text or of another number.
    Cost: the model's nodes, and three more.

    Examples
    --------
    >>> from headrace.model import GraphBuilder, InputColumn
    >>> builder = GraphBuilder([InputColumn("a", "number")])
    >>> model = builder.finish({"twice": (builder.node("Add", ["number", "number"]), "float64", 1)})
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"twice": ops.onnx(x.a, model=model)}).nodes[1].op
    'onnx'
    """

    model: Any
    output: str | None = None
    weights: tuple[str, ...] = ()

    num_inputs: ClassVar[tuple[int, int | None]] = (1, None)
    takes_vectors: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given = self.model
        if isinstance(given, Path):
            given, contents = _from_file(given)
            object.__setattr__(self, "weights", contents)
        if isinstance(given, bytes):
            if len(given) > _MOST_BYTES:
                raise InvalidInput(f"{len(given):,} bytes", expected=f"at most {_MOST_BYTES:,}")
            given = base64.b64encode(given).decode()
        if not isinstance(given, str):
            raise InvalidInput(f"model is {type(given).__name__}", expected="bytes or a Path", fix="Path('model.onnx')")
        if self.output is not None and not isinstance(self.output, str):
            raise InvalidInput(f"output = {self.output!r}", expected="a name")
        object.__setattr__(self, "model", given)
        object.__setattr__(self, "weights", tuple(self.weights))
        _part(given, self.output)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """A vector of numbers."""
        for item in inputs:
            if item.kind in ("text", "null"):
                raise InvalidInput(f"{item.kind} cannot go into a model", expected="numbers", fix="ops.embed it first")
        wanted = _part(self.model, self.output).num_inputs
        if wanted is not None and not any(item.is_vector for item in inputs) and len(inputs) != wanted:
            raise InvalidInput(f"{len(inputs)} numbers for a model of {wanted}", expected=f"{wanted} of them")
        return ValueType("number", is_vector=True)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """The model's nodes, between casts."""
        part = _part(self.model, self.output)
        width = sum(item.width for item in inputs)
        if part.num_inputs is not None and width != part.num_inputs:
            raise InvalidInput(f"{width} numbers for a model of {part.num_inputs}")
        pieces = [item.name if item.kind == "number" else builder.as_number(item) for item in inputs]
        joined = builder.node("Concat", pieces, axis=1) if len(pieces) > 1 else pieces[0]
        names = {part.input: builder.cast(joined, part.dtype)}
        found = builder.cast(_include(builder, part, names)[part.output], np.float64)
        shape = builder.constant(np.array([-1, part.width], dtype=np.int64))
        return Value(builder.node("Reshape", [found, shape]), "number", width=part.width)


def _from_file(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """The model in a file; of a large one, or one with external data, without its large weights, and what these are."""
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    try:
        if path.stat().st_size >= _MOST_FILE:
            raise InvalidInput(f"{path.stat().st_size:,} bytes", expected="less than 2 GiB", fix="external data")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from None
    proto = ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError as error:
        raise InvalidInput(f"not an ONNX model: {error}", where=str(path)) from None
    is_apart = any(item.data_location or item.external_data for item in proto.graph.initializer)
    if len(data) <= _MOST_BYTES and not is_apart:
        return data, ()
    found, places = take_outside(proto, path, where=_WHERE)
    keep(found, places)
    return proto.SerializeToString(deterministic=True), tuple(sorted(found))


@dataclass(frozen=True)
class _Part:
    """A checked model: its ModelProto at our opsets, its input, and the output that is read."""

    proto: Any
    input: str
    dtype: Any
    num_inputs: int | None
    output: str
    width: int


@functools.lru_cache(maxsize=8)
def _part(text: str, output: str | None) -> _Part:
    import onnx
    from onnx import version_converter

    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidInput("a text", expected="bytes or a Path", fix="Path('model.onnx')") from None
    weights = _named_in(data)
    check_graph(data, where=_WHERE, beside={digest: len(held) for digest, held in weights.items()})
    proto = onnx.load_model_from_string(data)
    named = {item.name: digest for item in proto.graph.initializer if (digest := external_content(item)) is not None}
    versions = {item.domain: item.version for item in proto.opset_import}
    for domain, version in versions.items():
        if domain not in OPSETS or version > OPSETS[domain]:
            raise InvalidInput(f"opset {version} of {domain or 'ai.onnx'}", expected=str(OPSETS))
    for node in proto.graph.node:
        if any(item.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for item in node.attribute):
            raise InvalidInput(f"operator {node.op_type} holds a graph", expected="no loops, no branches")
    if versions.get("", OPSETS[""]) != OPSETS[""]:
        try:
            proto = version_converter.convert_version(proto, OPSETS[""])
        except Exception as error:  # its errors have no base of their own
            raise InvalidInput(f"cannot be brought to opset {OPSETS['']}: {error}"[:300]) from None
    constants = {item.name for item in proto.graph.initializer}
    inputs = [item for item in proto.graph.input if item.name not in constants]
    kinds = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.DOUBLE: np.float64}
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type not in kinds:
        raise InvalidInput(f"{len(inputs)} inputs", expected="one, of float32 or float64 [N, numbers]")
    shape = inputs[0].type.tensor_type.shape.dim
    num_inputs = shape[1].dim_value or None if len(shape) == 2 else None
    outputs = [item.name for item in proto.graph.output]
    name = outputs[0] if output is None else output
    if name not in outputs:
        raise InvalidInput(f"no output {name!r}", expected=", ".join(outputs))
    dtype = kinds[inputs[0].type.tensor_type.elem_type]
    if weights and named != {
        item.name: external_content(item) for item in proto.graph.initializer if item.name in named
    }:
        raise InvalidInput(f"cannot be brought to opset {OPSETS['']} with its weights apart", fix="export it so")
    width = _tried(proto, inputs[0].name, dtype, num_inputs, name, weights)
    return _Part(proto, inputs[0].name, dtype, num_inputs, name, width)


def _named_in(data: bytes) -> dict[str, Any]:
    """The weights that a model names by content; none where it is no model, which others say."""
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    proto = ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError:
        return {}
    found = {external_content(item) for item in proto.graph.initializer}
    return {digest: kept(digest) for digest in sorted(item for item in found if item is not None)}


def _tried(proto: Any, name: str, dtype: Any, num_inputs: int | None, output: str, weights: Mapping[str, Any]) -> int:
    """The width of what comes out; InvalidInput where it depends on the batch."""
    if num_inputs is None:
        raise InvalidInput("how many numbers it takes is not said", expected="an input [N, numbers]")
    session = open_session(OnnxBytes(proto.SerializeToString(), weights))
    rows = np.random.default_rng(0).normal(size=(_BATCHES[-1], num_inputs)).astype(dtype)
    rows[::7] = 0.0
    whole: Any = None
    for size in reversed(_BATCHES):
        try:
            found = [session.run([output], {name: rows[at : at + size]})[0] for at in range(0, len(rows), size)]
            answer = np.concatenate(found)
        except Exception as error:  # onnxruntime's classes share no public base
            raise InvalidInput(f"it does not take {size} rows: {error}"[:300]) from None
        if whole is None:
            whole = answer
            if answer.dtype.kind != "f" or answer.ndim not in (1, 2) or len(answer) != len(rows):
                raise InvalidInput(
                    f"output {output!r} is {answer.dtype}{list(answer.shape)}",
                    expected="numbers [N, width]",
                )
        elif answer.tobytes() != whole.tobytes():
            raise InvalidInput(
                f"its answer to a row differs when {size} rows are asked at a time",
                expected="the same bytes in any batch",
                fix="export it in float64, or round its output",
            )
    return int(whole.shape[1]) if whole.ndim == 2 else 1


def _include(builder: GraphBuilder, part: _Part, names: dict[str, str]) -> dict[str, str]:
    """Write a part's nodes; its tensors' names to those in the builder's graph."""
    from onnx import helper, numpy_helper

    graph = part.proto.graph
    found = {"": "", **names}
    for tensor in graph.initializer:
        digest = external_content(tensor)
        if digest is not None:
            values = kept(digest).view(helper.tensor_dtype_to_np_dtype(tensor.data_type)).reshape(tuple(tensor.dims))
            found[tensor.name] = builder.constant(values, content=digest)
        elif tensor.name not in found:
            found[tensor.name] = builder.constant(numpy_helper.to_array(tensor))
    for node in graph.node:
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        inputs = [found[item] for item in node.input]
        made = builder.nodes(node.op_type, inputs, len(node.output), node.domain, **attributes)
        found.update(zip(node.output, made, strict=True))
    return found
