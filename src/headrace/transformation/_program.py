"""From expression graph to types, and to ONNX: what transforming, analysing and explaining share."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from headrace import lookup
from headrace.errors import HeadraceError, InvalidInput, UnknownName
from headrace.model.columns import InputColumn, columns_of
from headrace.model.graph import GraphBuilder, Value
from headrace.model.images import decoder
from headrace.model.prelude import Derived
from headrace.schema import Schema
from headrace.transformation._contract import Op, PreludeOp, ValueType
from headrace.transformation.expressions import PINNED, PINNED_KINDS, Expressions, Node

__all__ = ["Constants", "Program", "bind"]

# Node index -> what its op was fitted to, as plain data.
Constants = dict[int, dict[str, Any]]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Program:
    """An expression graph with the columns it reads, the type of every node, and what has been fitted so far.

    Parameters
    ----------
    expressions : Expressions
        The nodes.
    columns : tuple of InputColumn
        The raw columns, in the order of `expressions.column_names`.
    constants : dict of int to dict
        By node index; a node without an entry needs nothing, or is not fitted yet.
    """

    expressions: Expressions
    columns: tuple[InputColumn, ...]
    constants: Constants = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_name = {column.name: column for column in self.columns}
        types: list[ValueType] = []
        ops: list[Op | None] = []
        for index, node in enumerate(self.expressions.nodes):
            if node.op == "column":
                column = by_name[node.parameters["name"]]
                ops.append(None)
                types.append(ValueType(column.kind, column.is_nullable, values_kind=column.values_kind))
            elif node.op == "literal":
                value, kind = node.parameters["value"], node.parameters["kind"]
                ops.append(None)
                types.append(ValueType(kind, value is None or value != value))
            else:
                op = self.at(index, lambda node=node: _op_of(node))  # type: ignore[misc]  # bound now, used now
                ops.append(op)
                inputs = [types[item] for item in node.inputs]
                self.at(index, lambda op=op, inputs=inputs: _refuse_vectors(op, inputs))  # type: ignore[misc]
                types.append(self.at(index, lambda op=op, inputs=inputs: op.infer(inputs)))  # type: ignore[misc]
                self.at(index, lambda node=node, inputs=inputs: _refuse_kinds(node, inputs))  # type: ignore[misc]
        object.__setattr__(self, "types", tuple(types))
        object.__setattr__(self, "ops", tuple(ops))
        for index, made in enumerate(ops):
            if isinstance(made, PreludeOp):
                self.at(index, lambda index=index: self.steps_of(index))  # type: ignore[misc]

    def with_constants(self, constants: Constants) -> Program:
        """The same, fitted otherwise; types and ops, which constants do not change, are not made again."""
        made = copy.copy(self)
        object.__setattr__(made, "constants", constants)
        return made

    types: tuple[ValueType, ...] = field(init=False, compare=False, repr=False)
    ops: tuple[Op | None, ...] = field(init=False, compare=False, repr=False)

    def at(self, index: int, make: Callable[[], Result]) -> Result:
        """The function's result; an error it raises gets the user's line of that node."""
        try:
            return make()
        except HeadraceError as error:
            raise error.locate(self.place(index)) from None

    def place(self, index: int) -> str:
        """Where the user wrote a node: "features.py, line 3, in z_score(x.a)"; the expression alone if unknown."""
        line = self.expressions.places[index] if self.expressions.places else ""
        text = self.expressions.text(index)
        return f"{line}, in {text}" if line else text

    def steps_of(self, index: int) -> tuple[str, tuple[Any, ...]]:
        """The raw column that a node of the prelude reads, and the steps from there to it.

        Raises InvalidInput where it reads what only the graph computes.
        """
        node, op = self.expressions.nodes[index], self.ops[index]
        if node.op == "column":
            return str(node.parameters["name"]), ()
        if not isinstance(op, PreludeOp):
            raise InvalidInput(
                "this op is run before the graph, when a raw value is read",
                expected="a column, or another op on the characters of one",
                fix="write it first: x.title.str.lower().fill_null('')",
            )
        name, steps = self.steps_of(node.inputs[0])
        return name, (*steps, op.step())

    def derived_name(self, index: int) -> str:
        """What the derived column of a node of the prelude is called in the graph."""
        name, steps = self.steps_of(index)
        return f"{name}@{json.dumps(steps, ensure_ascii=False)}"

    def with_prelude(self) -> Program:
        """The same, with a derived column for each node of the prelude that the graph reads."""
        nodes = self.expressions.nodes
        read = {index for _, index in self.expressions.features}
        for place, node in enumerate(nodes):
            if not isinstance(self.ops[place], PreludeOp):
                read.update(node.inputs)
        found: dict[str, list[Derived]] = {}
        for index in sorted(read):
            op = self.ops[index]
            if isinstance(op, PreludeOp):
                name, steps = self.steps_of(index)
                type_, num_values = self.types[index], op.num_values()
                decoded = decoder().fingerprint if num_values else ""
                is_nullable = self.is_nullable(name) if num_values else type_.is_nullable
                found.setdefault(name, []).append(
                    Derived(self.derived_name(index), type_.kind, steps, is_nullable, width=num_values, decoder=decoded)
                )
        columns = tuple(
            dataclasses.replace(column, derived=tuple(found.get(column.name, ()))) for column in self.columns
        )
        return self if columns == self.columns else dataclasses.replace(self, columns=columns)

    def is_nullable(self, name: str) -> bool:
        """Whether a raw column may be null."""
        return next(column.is_nullable for column in self.columns if column.name == name)

    def has_value(self, index: int) -> bool:
        """Whether the graph holds the node: not so for list and binary, and for a step that only other steps read."""
        if self.types[index].kind in ("list", "binary"):
            return False
        if not isinstance(self.ops[index], PreludeOp):
            return True
        name = self.derived_name(index)
        return any(item.name == name for column in self.columns for item in column.derived)

    def needed(self, wanted: Iterable[int], known: Collection[int] = ()) -> list[int]:
        """The nodes that the wanted ones need, ascending; those that are known need nothing."""
        needed = set(wanted)
        for index in range(len(self.ops) - 1, -1, -1):
            if index in needed and index not in known and not isinstance(self.ops[index], PreludeOp):
                needed.update(self.expressions.nodes[index].inputs)
        return sorted(needed)

    def emit(
        self, builder: GraphBuilder, wanted: Iterable[int], known: Mapping[int, Value] | None = None
    ) -> dict[int, Value]:
        """Write the nodes that the wanted ones need; every value has a row for each row of the batch.

        `known` are values that the builder has already: nothing is written for them, nor for what only they need.
        """
        nodes = self.expressions.nodes
        values: dict[int, Value] = dict(known or {})
        for index in self.needed(wanted, values):
            if index in values:
                continue
            node, op = nodes[index], self.ops[index]
            if op is None:
                values[index] = (
                    builder.column(node.parameters["name"]) if node.op == "column" else _literal(builder, node)
                )
                continue
            if isinstance(op, PreludeOp):
                values[index] = builder.column(self.derived_name(index))
                continue
            inputs = [values[item] for item in node.inputs]
            value = self.at(index, functools.partial(op.build, builder, inputs, self.constants.get(index, {})))
            if builder.constant_value(value.name) is not None:
                value = _spread(builder, value, [item for item in inputs if builder.constant_value(item.name) is None])
            values[index] = value
        return values

    def to_plain(self) -> dict[str, Any]:
        """As plain data, without the user's lines."""
        core = self.expressions.to_plain()
        core.pop("places")
        core.pop("weights", None)  # they lie beside what is saved
        return {
            "expressions": core,
            "columns": [column.to_plain() for column in self.columns],
            "constants": {str(index): self.constants[index] for index in sorted(self.constants)},
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Program:
        """Read what `to_plain` wrote."""
        return cls(
            Expressions.from_plain(plain["expressions"]),
            tuple(InputColumn(**item) for item in plain["columns"]),
            {int(index): dict(item) for index, item in plain["constants"].items()},
        )


def _refuse_vectors(op: Op, inputs: Sequence[ValueType]) -> None:
    if not isinstance(op, PreludeOp) and any(item.kind == "binary" for item in inputs):
        raise InvalidInput(
            f"ops.{op.op_name()} was given binary",
            expected="numbers or texts",
            fix="a picture is ops.image(x.picture, height=32, width=32)",
        )
    if not isinstance(op, PreludeOp) and any(item.kind == "list" for item in inputs):
        raise InvalidInput(
            f"ops.{op.op_name()} was given a list",
            expected="one value a row",
            fix="x.tags.list has length, sum, mean, min, max, get, contains, join; whether there is one says"
            " x.tags.list.length().is_null()",
        )
    if not op.takes_vectors and any(item.is_vector for item in inputs):
        raise InvalidInput(
            f"ops.{op.op_name()} was given a vector", expected="one value a row", fix="a vector is a feature of its own"
        )


def _refuse_kinds(node: Node, inputs: Sequence[ValueType]) -> None:
    """What was learnt of texts says nothing of numbers."""
    then = node.parameters.get(PINNED, {}).get(PINNED_KINDS)
    now = [item.kind for item in inputs]
    if then is not None and list(then) != now:
        raise InvalidInput(
            f"it is pinned to what was learnt of {', '.join(then)}, and is given {', '.join(now)} now",
            expected="inputs of the kinds they had then",
            fix="cast it, or fit it anew: take ops.pin away",
        )


def _op_of(node: Node) -> Op:
    cls = lookup.find("op", node.op)
    arguments = {
        name: tuple(item) if isinstance(item, list) else item
        for name, item in node.parameters.items()
        if name != PINNED
    }
    op = cls(**arguments)
    assert isinstance(op, Op)
    return op


def _literal(builder: GraphBuilder, node: Node) -> Value:
    kind, value = node.parameters["kind"], node.parameters["value"]
    if kind == "null":
        return Value("", kind)
    if kind == "text":
        return Value(builder.text(value), kind)
    dtype: npt.DTypeLike = {"number": np.float64, "boolean": np.bool_}.get(kind, np.int64)
    return Value(builder.constant(np.array([value], dtype=dtype)), kind)


def _spread(builder: GraphBuilder, value: Value, row_wise: Sequence[Value]) -> Value:
    """A constant as a tensor [N, 1]: nothing but a filled literal is ever one."""
    same = builder.compare("==", row_wise[0].name, row_wise[0].name)
    always = builder.node("Or", [same, builder.node("Not", [same])])
    if value.kind == "boolean":
        return Value(builder.node("And", [always, value.name]), value.kind, value.present)
    return Value(builder.where(always, value.name, value.name), value.kind, value.present)


def bind(expressions: Expressions, schema: Schema, *, label: str | None = None, key: Sequence[str] = ()) -> Program:
    """Check an expression graph against a data set's schema and roles, before a row is read.

    Raises UnknownName for a column there is not; InvalidInput for a kind no model can read, the label or the key
    itself as a feature, a clash of types, a feature that is text: each at the user's line.
    """
    columns: list[InputColumn] = []
    for index, node in enumerate(expressions.nodes):
        if node.op != "column":
            continue
        name, place = node.parameters["name"], expressions.places[index]
        if name == label:
            raise InvalidInput(
                f"the label {name!r} is used as a feature",
                where=place,
                fix="leave it out: it is not known when serving",
            )
        if (name,) == tuple(key):
            raise InvalidInput(
                f"the key {name!r} is used as a feature",
                where=place,
                fix="leave it out: it names rows, it does not describe them",
            )
        try:
            columns += columns_of(schema, [name])
        except UnknownName as error:
            raise error.locate(place) from None
        except InvalidInput as error:
            here = f"{place}, column {name!r}" if place else f"column {name!r}"
            raise InvalidInput(error.what, where=here, expected=error.expected, fix=error.fix) from None
    program = Program(expressions, tuple(columns)).with_prelude()
    for name, index in expressions.features:
        if program.types[index].kind == "list":
            raise InvalidInput(
                f"feature {name!r} is a list: a model takes numbers",
                where=program.place(index),
                fix="take its .list.length(), .list.sum() ..., or ops.multi_hot(x.tags.list.join('|'), separator='|')",
            )
        if program.types[index].kind == "binary":
            raise InvalidInput(
                f"feature {name!r} is binary: a model takes numbers",
                where=program.place(index),
                fix="decode the picture: ops.image(x.picture, height=32, width=32)",
            )
        if program.types[index].kind == "text":
            raise InvalidInput(
                f"feature {name!r} is text: a model takes numbers",
                where=program.place(index),
                fix="look it up: ops.vocabulary(...)",
            )
    return program
