"""What an op is: one file in `ops/`, a frozen dataclass of parameters, and how nulls flow through it.

    infer(inputs)               kinds in, kind out; a clash is an InvalidInput, before a row is read
    fold(columns, kinds)        what must be known about the inputs' values first; None for a plain row-wise op
    constants(result)           the fold's answer as plain data, kept in the graph's JSON
    build(builder, inputs, constants)   the ONNX nodes: the only definition that training and serving run

A row's result depends on that row and the constants alone, to the byte, whatever batch surrounds it: build with the
operators `headrace.model.graph` allows. `headrace.testing.OpCases` checks every op against its NumPy definition.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.fold import Fold
from headrace.model.columns import NULL_TEXT
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind

__all__ = ["LABEL", "NUM_PARTS", "ListOp", "Op", "PreludeOp", "ValueType", "as_kind", "both_present", "unify"]

# What a fold names that reads the label: numbers, 1 for the positive value; no source column can begin so.
LABEL = "@label"
# The parts of the rows that take turns in being left out, where what a row's own label says must not reach it.
NUM_PARTS = 5

_TOWER = ("boolean", "integer", "number")


@dataclass(frozen=True)
class ValueType:
    """What is known about an expression before any row is read.

    Parameters
    ----------
    kind : Kind
        integer, number, boolean, text, timestamp; "null" for a literal None alone.
    is_nullable : bool
        Whether it can be null. A number always can: NaN is null.
    is_categorical : bool
        Whether its values are codes whose order means nothing.
    is_vector : bool
        Whether each row has several numbers; how many is known once its op is fitted. A vector is a feature, and only
        ops that say `takes_vectors` read one.
    values_kind : Kind or None
        Of a list: what its values are. Only the ops of the prelude that are for lists read one.
    """

    kind: Kind
    is_nullable: bool = True
    is_categorical: bool = False
    is_vector: bool = False
    values_kind: Kind | None = None

    def __post_init__(self) -> None:
        if self.kind == "number" and not self.is_nullable:
            object.__setattr__(self, "is_nullable", True)


class Op(ABC):
    """One transformation, with its parameters as dataclass fields (plain data, checked in `__post_init__`).

    `num_inputs` is the least and the greatest number of inputs (None = any); `input_names` is what help and editors
    call them, where "value" or "first", "second" ... says too little. A subclass is a frozen dataclass in
    `ops/<name>.py`, named like the file without underscores; `ops.<name>(input, ..., parameter=...)` records it.
    """

    num_inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    input_names: ClassVar[tuple[str, ...]] = ()
    takes_vectors: ClassVar[bool] = False

    @classmethod
    def op_name(cls) -> str:
        """The name users type: the stem of the file the class is in."""
        return cls.__module__.rpartition(".")[2]

    def parameters(self) -> dict[str, Any]:
        """The fields as plain data; those that have their default value are left out."""
        found: dict[str, Any] = {}
        for item in dataclasses.fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, item.name)
            if value != item.default:
                found[item.name] = list(value) if isinstance(value, tuple) else value
        return found

    @abstractmethod
    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """The result's type. Raises InvalidInput, without a place, where the inputs' kinds cannot be meant."""

    @abstractmethod
    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Write the nodes and return the result, of the kind `infer` said: [N, 1], or a vector's [N, width]."""

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any] | None:
        """The fold over the inputs' values (`columns` names them in the batch); None where nothing must be known."""
        return None

    def given(self) -> dict[str, Any]:
        """What `build` needs beside parameters that no row says, but this machine does (a time zone's rules)."""
        return {}

    def constants(self, result: Any) -> dict[str, Any]:
        """What `build` needs of the fold's result (of one group), as plain data."""
        return {}

    def without_part(self, constants: Mapping[str, Any], part: int) -> Mapping[str, Any]:
        """The constants as they were without the rows of one of NUM_PARTS parts: for ops fitted to the label.

        Training reads a row's features through the constants without its own part; serving through all.
        """
        return constants


class PreludeOp(Op):
    """An op that no graph can do: the codec does it, in training and in serving, when a raw text or list is read.

    Its input is a raw column or another such op. `step` names one of the closed list of `headrace.model.prelude`.
    """

    result_kind: ClassVar[Kind] = "text"
    makes_null: ClassVar[bool] = False

    @abstractmethod
    def step(self) -> tuple[str | int | float | None, ...]:
        """The step's name and its parameters."""

    def num_values(self) -> int:
        """How many numbers a picture becomes; 0 = the step gives one value."""
        return 0

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """The step's kind; InvalidInput for anything but text."""
        if inputs[0].kind != "text":
            raise InvalidInput(
                f"{inputs[0].kind} has no characters",
                expected="text",
                fix="one value of a list is x.tags.list.get(0)" if inputs[0].kind == "list" else "",
            )
        return ValueType(self.result_kind, inputs[0].is_nullable or self.makes_null)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Nothing to write: the result is a column."""
        raise AssertionError(f"{self.op_name()} is run by the codec")


class ListOp(PreludeOp):
    """An op of the prelude on the values of a list; `takes` are the kinds it knows what to do with."""

    takes: ClassVar[tuple[Kind, ...]] = ("number", "integer", "boolean", "text", "timestamp")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """The step's kind; InvalidInput for what is no list, or one of other values."""
        (value,) = inputs
        if value.kind != "list":
            raise InvalidInput(f"{value.kind} is no list", expected="a column of lists")
        assert value.values_kind is not None
        if value.values_kind not in self.takes:
            raise InvalidInput(f"a list of {value.values_kind}", expected="a list of " + " or ".join(self.takes))
        return ValueType(self.kind_of(value.values_kind), value.is_nullable or self.makes_null)

    def kind_of(self, values_kind: Kind) -> Kind:
        """The result's kind, for values of this kind."""
        return self.result_kind


def unify(types: Sequence[ValueType], what: str) -> Kind:
    """The one kind that values of these types can share: boolean < integer < number, else equal kinds; null joins any.

    Raises InvalidInput naming the kinds and `what`.

    >>> unify([ValueType("integer"), ValueType("number")], "the branches")
    'number'
    """
    kinds = {item.kind for item in types} - {"null"}
    if not kinds:
        return "number"
    if kinds <= set(_TOWER):
        return max(kinds, key=_TOWER.index)
    if len(kinds) > 1:
        raise InvalidInput(f"{what} are {' and '.join(sorted(kinds))}", expected="kinds that can be one")
    return kinds.pop()


def as_kind(builder: GraphBuilder, value: Value, kind: Kind) -> Value:
    """The value as another kind of those `unify` allows; a null literal becomes that kind's null."""
    if value.kind == kind:
        return value
    if value.kind == "null":
        if kind == "number":
            return Value(builder.number(np.nan), kind)
        if kind == "text":
            return Value(builder.text(NULL_TEXT), kind)
        no = builder.constant(np.array([False]))
        return Value(no if kind == "boolean" else builder.integer(0), kind, no)
    if kind == "number":
        return Value(builder.as_number(value), kind)
    if kind == "integer" and value.kind in ("boolean", "timestamp"):
        name = builder.cast(value.name, np.int64) if value.kind == "boolean" else value.name
        return Value(name, kind, value.present)
    raise AssertionError(f"{value.kind} as {kind}: infer must refuse this")


def both_present(builder: GraphBuilder, left: Value, right: Value) -> str | None:
    """The bool tensor that is True where neither is null; None where neither can be."""
    present: list[str] = []
    for value in (left, right):
        if value.kind in ("number", "text"):
            null = builder.is_null(value)
            bit = None if null is None else builder.node("Not", [null])
        else:
            bit = value.present
        if bit is not None and bit not in present:
            present.append(bit)
    if len(present) == 2:
        return builder.node("And", present)
    return present[0] if present else None
