"""GraphBuilder: the one place where ONNX is written.

Transforms, tree converters and models add nodes to one builder, so that the whole way from raw columns to predictions
is one graph. The builder knows the lanes (few wide inputs by type: number, integer, text, present), gives equal nodes
one output, leaves out what no output needs, and names everything by order of creation: equal calls, equal bytes.

Only operators whose result for a row does not depend on the batch around it may be used: arithmetic, comparison,
Where, Cast, Gather, look-ups, text operators, float64 elementwise functions followed by a cast. Reductions over
float columns are not (sums of 0 and 1 are exact, hence allowed).

Longer than other files, because nodes, constants, columns and what becomes of them share the builder's tables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput, UnknownName
from headrace.model import weights
from headrace.model._lean import gather_lone_pieces, widen_constants
from headrace.model.checks import refuse_size
from headrace.model.columns import LANES, NULL_TEXT, InputColumn, layout_of
from headrace.model.weights import OnnxBytes, can_be_outside, content_of
from headrace.schema import Kind

__all__ = ["IR_VERSION", "OPSETS", "GraphBuilder", "Value"]

IR_VERSION = 10
# The only operator sets a graph may draw from; com.microsoft for MurmurHash3 alone.
OPSETS = {"": 21, "ai.onnx.ml": 5, "com.microsoft": 1}

_VECTOR = 8  # float64 values in the widest vectors there are
_LANE_DTYPE: dict[str, npt.DTypeLike] = {
    "number": np.float64,
    "integer": np.int64,
    "text": np.str_,
    "present": np.bool_,
    "pixel": np.uint8,
}


@dataclass(frozen=True)
class Value:
    """A tensor [N, width] in a graph under construction, and how its nulls are written.

    Parameters
    ----------
    name : str
        The tensor's name.
    kind : Kind
        number = float64 with NaN for null; integer and timestamp = int64; boolean = bool, False where null;
        text = string with NULL_TEXT for null.
    present : str or None
        The name of a bool tensor [N, 1], False where null; None = no nulls beyond what the values themselves write.
    width : int
        1; above that a vector of numbers, which a feature may be.
    """

    name: str
    kind: Kind
    present: str | None = None
    width: int = 1


def _element_type(dtype: npt.DTypeLike) -> int:
    import onnx

    kind = np.dtype(dtype)
    if kind.kind in "OUT":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(kind))


class GraphBuilder:
    """Write one ONNX graph from raw columns to named outputs.

    Parameters
    ----------
    columns : sequence of InputColumn
        What the graph reads, in column order; the lanes follow from it.

    Examples
    --------
    >>> from headrace.model.columns import InputColumn
    >>> builder = GraphBuilder([InputColumn("a", "number")])
    >>> doubled = builder.node("Add", [builder.column("a").name] * 2)
    >>> len(builder.finish({"doubled": (doubled, np.float64, 1)})) > 0
    True
    """

    def __init__(self, columns: Sequence[InputColumn]) -> None:
        self.columns = tuple(columns)
        layout = layout_of(self.columns)
        self.lanes: dict[str, tuple[str, ...]] = {name: getattr(layout, name) for name in LANES}
        derived = [item for column in self.columns for item in column.derived_columns]
        self._by_name = {column.name: column for column in [*self.columns, *derived]}
        self._nodes: list[tuple[Any, list[str]]] = []  # a NodeProto without outputs, and its outputs
        self._made: dict[bytes, list[str]] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: dict[str, Any] = {}
        self._large: dict[
            str, tuple[str, npt.NDArray[Any]]
        ] = {}  # of these sha256 and values, which no proto holds yet
        self._pieces: dict[str, dict[str, str]] = {}
        self._splits: set[str] = set()  # first outputs
        self._choices: dict[str, tuple[str, str, str]] = {}  # output of a Where: its inputs
        self._column_of: dict[str, InputColumn] = {}
        self._own_inputs: dict[str, tuple[npt.DTypeLike, int]] = {}

    # --- writing nodes

    def node(self, op_type: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """Add a node with one output (or find its equal) and return the output's name."""
        return self.nodes(op_type, inputs, 1, domain, **attributes)[0]

    def nodes(self, op_type: str, inputs: Sequence[str], count: int, domain: str = "", **attributes: Any) -> list[str]:
        """Add a node with `count` outputs (or find its equal) and return the outputs' names.

        Attributes are what `onnx.helper.make_node` takes; a NumPy array becomes a tensor.
        """
        import onnx

        if domain not in OPSETS:
            raise InvalidInput(
                f"operator {domain}:{op_type} is outside the allowed domains", expected=str(list(OPSETS))
            )
        plain = {
            name: onnx.numpy_helper.from_array(value, name) if isinstance(value, np.ndarray) else value
            for name, value in attributes.items()
        }
        proto = onnx.helper.make_node(op_type, list(inputs), [], domain=domain, **plain)
        key = proto.SerializeToString(deterministic=True) + count.to_bytes(4, "little")
        if key not in self._made:
            stem = f"{op_type.lower()}_{len(self._nodes)}"
            outputs = [stem] if count == 1 else [f"{stem}_{index}" for index in range(count)]
            self._nodes.append((proto, outputs))
            self._made[key] = outputs
        return self._made[key]

    def constant(self, value: npt.NDArray[Any], *, content: str | None = None) -> str:
        """Add a constant tensor (or find its equal) and return its name. Text arrays have dtype object.

        `content` is the sha256 of a large one (`headrace.model.weights.content_of`), where it is known.
        """
        import onnx

        array = np.asarray(value)
        if can_be_outside(array):
            return self._weights_named(array, content or content_of(array))
        refuse_size(array.nbytes, "a constant")
        tensor = onnx.numpy_helper.from_array(array)
        key = (str(tensor.data_type), tuple(tensor.dims), tensor.SerializeToString(deterministic=True))
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            tensor.name = name
            self._constants[key] = name
            self._initializers[name] = tensor
        return self._constants[key]

    def _weights_named(self, array: npt.NDArray[Any], digest: str) -> str:
        """The name of a constant that may end beside the graph: of it no copy is made before that is known."""
        import onnx

        kind = int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype.newbyteorder("=")))
        key = (str(kind), tuple(array.shape), digest.encode())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._initializers[name] = onnx.TensorProto(name=name, data_type=kind, dims=array.shape)
            self._constants[key] = name
            self._large[name] = digest, array
        return self._constants[key]

    def constant_value(self, name: str) -> npt.NDArray[Any] | None:
        """What a tensor holds when it is a constant, else None."""
        import onnx

        if name in self._large:
            return self._large[name][1]
        tensor = self._initializers.get(name)
        return None if tensor is None else np.asarray(onnx.numpy_helper.to_array(tensor))

    def number(self, value: float) -> str:
        """A float64 constant of shape [1]."""
        return self.constant(np.array([value], dtype=np.float64))

    def integer(self, value: int) -> str:
        """An int64 constant of shape [1]."""
        return self.constant(np.array([value], dtype=np.int64))

    def text(self, value: str) -> str:
        """A string constant of shape [1]."""
        return self.constant(np.array([value], dtype=object))

    def cast(self, name: str, dtype: npt.DTypeLike) -> str:
        """Convert a tensor: to bool = not zero, float to int64 truncates (mask NaN and infinities before)."""
        if name in self._choices and np.dtype(dtype) == np.float64:
            condition, *either = self._choices[name]
            values = [self.constant_value(item) for item in either]
            if all(value is not None and value.dtype == np.int64 for value in values):  # a choice of numbers, at once
                return self.where(condition, *(self.constant(np.asarray(value, np.float64)) for value in values))
        return self.node("Cast", [name], to=_element_type(dtype))

    def where(self, condition: str, chosen: str, otherwise: str) -> str:
        """`chosen` where the bool tensor is True, else `otherwise`: both float64, int64 or string."""
        found = self.node("Where", [condition, chosen, otherwise])
        self._choices[found] = condition, chosen, otherwise
        return found

    def compare(self, operator: str, left: str, right: str) -> str:
        """A bool tensor: `operator` is one of == != < <= > >=; != is the negation, so NaN != NaN is True."""
        table = {"==": "Equal", "<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}
        if operator == "!=":
            return self.node("Not", [self.node("Equal", [left, right])])
        return self.node(table[operator], [left, right])

    def steady(self, op_type: str, name: str) -> str:
        """An elementwise float64 function, Log, Sin or Cos, of a tensor, the same to the byte in any batch.

        Their vector kernels differ by a last bit from the scalar code that finishes what is left of a batch (ONNX
        Runtime 1.30: 220 of 1,003 values of Log). So every row is a whole vector of eight equal values, of which one
        is kept. Cost: three nodes, and eight times the function.
        """
        whole = self.node(op_type, [self.node("Concat", [name] * _VECTOR, axis=-1)])  # a constant is [1]
        return self.node("Gather", [whole, self.integer(0)], axis=-1)

    # --- raw columns

    def input(self, name: str, dtype: npt.DTypeLike, width: int = 1) -> str:
        """An input [N, width] of its own beside the lanes, for graphs that are run on many rows at once; its name."""
        self._own_inputs[name] = dtype, width
        return name

    def column(self, name: str) -> Value:
        """One raw column as a tensor [N, 1] of its kind. Raises UnknownName. Cost: one Split a lane, shared."""
        if name not in self._by_name:
            raise UnknownName("column", name, self._by_name, where="graph inputs")
        column = self._by_name[name]
        if column.width:
            return self.pixels(column, self._piece("pixel", name))
        tensor = self._piece(column.lane, name)
        if column.kind == "boolean":
            tensor = self.cast(tensor, np.bool_)
        self._column_of[tensor] = column
        present = self._piece("present", name) if column.has_present_bit else None
        return Value(tensor, column.kind, present)

    def pixels(self, column: InputColumn, tensor: str, present: str | None = None) -> Value:
        """The values of a picture, uint8, as a vector of numbers, NaN where it is null."""
        number = self.cast(tensor, np.float64)
        if column.has_present_bit:
            number = self._mark_null(number, present or self._piece("present", column.name))
        return Value(number, "number", None, column.width)

    def as_number(self, value: Value) -> str:
        """A float64 tensor [N, 1] of any value but text, NaN where null; raw columns are converted a lane at a time."""
        if value.kind == "number":
            return value.name
        if value.kind == "text":
            raise InvalidInput("text cannot be read as a number", where="graph", fix="look it up in a vocabulary first")
        column = self._column_of.get(value.name)
        if column is not None:
            return self._lane_number(column)
        return self._mark_null(self.cast(value.name, np.float64), value.present)

    def is_null(self, value: Value) -> str | None:
        """A bool tensor [N, 1], True where null; None where the value is never null."""
        constant = self.constant_value(value.name)
        if constant is not None and value.kind in ("number", "text") and constant.size == 1:
            item = constant.item()
            if item == item and item != NULL_TEXT:
                return None
        if value.kind == "number":
            return self.node("IsNaN", [value.name])
        if value.kind == "text":
            column = self._column_of.get(value.name)
            if column is None:
                return self.node("Equal", [value.name, self.text(NULL_TEXT)])
            if not column.is_nullable:
                return None
            if "text null" not in self._pieces:
                whole = self.node("Equal", ["text", self.text(NULL_TEXT)])
                self._split("text null", whole, self.lanes["text"])
            return self._pieces["text null"][column.name]
        return None if value.present is None else self.node("Not", [value.present])

    def _mark_null(self, number: str, present: str | None) -> str:
        return number if present is None else self.where(present, number, self.number(np.nan))

    def _lane_number(self, column: InputColumn) -> str:
        group = "nullable" if column.is_nullable else "never null"
        if group not in self._pieces:
            lane = self.lanes["integer"]
            chosen = [name for name in lane if self._by_name[name].is_nullable == column.is_nullable]
            tensor = "integer"
            if len(chosen) < len(lane):
                index = self.constant(np.array([lane.index(name) for name in chosen], dtype=np.int64))
                tensor = self.node("Gather", [tensor, index], axis=1)
            present = "present" if column.is_nullable else None
            if present is not None and len(self.lanes["present"]) > len(chosen):  # it has bits of pictures too
                index = self.constant(np.array([self.lanes["present"].index(name) for name in chosen], dtype=np.int64))
                present = self.node("Gather", [present, index], axis=1)
            number = self._mark_null(self.cast(tensor, np.float64), present)
            self._split(group, number, chosen)
        return self._pieces[group][column.name]

    def _piece(self, lane: str, name: str) -> str:
        if lane not in self._pieces:
            self._split(lane, lane, self.lanes[lane])
        return self._pieces[lane][name]

    def _split(self, group: str, tensor: str, names: Sequence[str]) -> None:
        each = list(dict.fromkeys(names))
        width = len(each)
        if width == 1:
            pieces = [tensor]
        elif width == len(names):
            pieces = self.nodes("Split", [tensor], width, axis=1, num_outputs=width)
            self._splits.update(pieces[:1])
        else:  # pictures have a name for each of their values
            sizes = self.constant(np.array([names.count(name) for name in each], dtype=np.int64))
            pieces = self.nodes("Split", [tensor, sizes], width, axis=1)
        self._pieces[group] = dict(zip(each, pieces, strict=True))

    # --- the result

    def finish(self, outputs: Mapping[str, tuple[str, npt.DTypeLike, int | None]]) -> OnnxBytes:
        """The graph as a serialised ONNX ModelProto.

        Parameters
        ----------
        outputs : mapping of str to (tensor name, dtype, width)
            Output name to tensor [N, width]; width None = not stated. Text has dtype object or str.

        Returns
        -------
        OnnxBytes
            The same for the same calls, in any process. Nodes that no output needs are left out; the builder itself
            is unchanged, so further outputs can be finished later. Of more than 256 MiB the large constants lie beside
            it (`headrace.model.weights`).

        Raises InvalidInput when two outputs, or an output and an input, share a name, and for more than 1 GiB inside.
        """
        import onnx

        inputs = [name for name, members in self.lanes.items() if members]
        needed = {tensor for tensor, _, _ in outputs.values()}
        kept: list[tuple[Any, list[str]]] = []
        for proto, names in reversed(self._nodes):
            if needed.intersection(names):
                kept.append((proto, names))
                needed.update(proto.input)
        kept.reverse()
        made = {name for _, names in kept for name in names}
        renamed: dict[str, str] = {}
        copies: list[Any] = []
        for name, (tensor, _, _) in outputs.items():
            if name in self.lanes or name in self._own_inputs or name in made or name in self._initializers:
                raise InvalidInput(f"output {name!r} has the name of another tensor", fix="choose another name")
            if tensor in made and tensor not in renamed:
                renamed[tensor] = name
            else:
                copies.append(onnx.helper.make_node("Identity", [renamed.get(tensor, tensor)], [name]))
        nodes: list[Any] = []
        for proto, names in kept:
            node = onnx.NodeProto()
            node.CopyFrom(proto)
            del node.input[:]
            node.input.extend(renamed.get(name, name) for name in proto.input)
            node.output.extend(renamed.get(name, name) for name in names)
            nodes.append(node)
        nodes += copies
        wide = gather_lone_pieces(nodes, {renamed.get(name, name) for name in self._splits}, outputs)
        wide += widen_constants(nodes, self._initializers, [*inputs, *self._own_inputs])
        read = {name for part in nodes for name in part.input}
        sizes = [(int(part.ByteSize()), part.output[0]) for part in nodes]
        sizes += [(int(tensor.ByteSize()), name) for name, tensor in self._initializers.items() if name in read]
        initializers, beside = self._settled(read, sum(size for size, _ in sizes))
        sizes += [(self._large[name][1].nbytes, name) for name in self._large if name in read and not beside]
        largest = ", ".join(f"{name} {size:,}" for size, name in sorted(sizes, reverse=True)[:3])
        refuse_size(sum(size for size, _ in sizes), "the graph", f"; the largest of its parts are {largest}")
        graph = onnx.helper.make_graph(
            nodes,
            "headrace",
            [
                onnx.helper.make_tensor_value_info(name, _element_type(_LANE_DTYPE[name]), ["N", len(self.lanes[name])])
                for name in inputs
            ]
            + [
                onnx.helper.make_tensor_value_info(name, _element_type(dtype), ["N", width])
                for name, (dtype, width) in self._own_inputs.items()
                if name in needed
            ],
            [
                onnx.helper.make_tensor_value_info(name, _element_type(dtype), ["N", width])
                for name, (_, dtype, width) in outputs.items()
            ],
            [*initializers, *wide],
        )
        domains = {node.domain for node in nodes}
        model = onnx.helper.make_model(
            graph,
            ir_version=IR_VERSION,
            producer_name="headrace",
            opset_imports=[
                onnx.helper.make_opsetid(domain, version)
                for domain, version in OPSETS.items()
                if not domain or domain in domains
            ],
        )
        return OnnxBytes(model.SerializeToString(deterministic=True), beside)

    def _settled(self, needed: Collection[str], num_bytes: int) -> tuple[list[Any], dict[str, npt.NDArray[Any]]]:
        """The initializers with their data; or, where all would be more than INLINE_BYTES, the large ones beside."""
        large = {name: self._large[name] for name in self._large if name in needed}
        is_beside = num_bytes + sum(array.nbytes for _, array in large.values()) > weights.INLINE_BYTES
        found: list[Any] = []
        for name, tensor in self._initializers.items():
            if name in large:
                made = type(tensor)()
                made.CopyFrom(tensor)
                digest, array = large[name]
                if is_beside:
                    weights.put_outside(made, digest)
                else:
                    made.raw_data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
                tensor = made
            if name in needed:
                found.append(tensor)
        return found, dict(large.values()) if is_beside else {}
