"""ops.embed: a category as a vector that somebody else has learnt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, look_up

__all__ = ["Embed"]

_MOST_NUMBERS = 5_000_000


@dataclass(frozen=True)
class Embed(Op):
    """`ops.embed(x.city, keys=["Paris", "Oslo"], vectors=[[0.1, 2.0], [0.3, 1.5]])`: the vector beside the key.

    For what was learnt elsewhere: coordinates, word vectors, the embedding of a network. The table becomes part of the
    graph.

    Parameters
    ----------
    keys : sequence of str or int
        Distinct; whole numbers for an integer.
    vectors : sequence of sequences of float
        One for each key, finite, all of one length from 1.

    Nulls: null is all 0, like a key that is not there.

    Raises InvalidInput for kinds other than text and integer, for keys of another kind than the value's, for vectors
    that do not fit, and for more than 5,000,000 numbers. Cost: four nodes; 400 bytes a key, 8 a number.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"city": ops.embed(x.city, keys=["Oslo"], vectors=[[1.0, 2.0]])}).text(1)
    "embed(x.city, keys=['Oslo'], vectors=[[1.0, 2.0]])"
    """

    keys: tuple[Any, ...]
    vectors: tuple[Any, ...]

    def __post_init__(self) -> None:
        keys: Any = self.keys  # nothing has checked what was given
        if isinstance(keys, (str, bytes)) or not isinstance(keys, (Sequence, np.ndarray)):
            raise InvalidInput(f"keys is {type(keys).__name__}", expected="a list of texts or of whole numbers")
        listed = [item.item() if isinstance(item, np.generic) else item for item in keys]
        if not listed or {type(item) for item in listed} not in ({str}, {int}):
            raise InvalidInput("keys of several kinds, or none", expected="texts, or whole numbers within 64 bits")
        if len(set(listed)) < len(listed) or not all(map(can_be_asked, listed)):
            raise InvalidInput("keys", expected="distinct ones that a request can hold")
        if not all(isinstance(item, str) or -(2**63) <= item < 2**63 for item in listed):
            raise InvalidInput("a key beyond 64 bits", expected="whole numbers within 64 bits")
        try:
            rows = [[float(item) for item in row] for row in self.vectors]
        except (TypeError, ValueError):
            raise InvalidInput("vectors", expected="a list of numbers for each key") from None
        width = len(rows[0]) if rows else 0
        fits = len(rows) == len(listed) and width and all(len(row) == width for row in rows)
        if not fits or not all(math.isfinite(item) for row in rows for item in row):
            raise InvalidInput(
                f"{len(rows)} vectors for {len(listed)} keys", expected="one for each, all finite and of one length"
            )
        if len(rows) * width > _MOST_NUMBERS:
            raise InvalidInput(f"{len(rows) * width:,} numbers", expected=f"at most {_MOST_NUMBERS:,}")
        object.__setattr__(self, "keys", tuple(listed))
        object.__setattr__(self, "vectors", tuple(tuple(row) for row in rows))

    def parameters(self) -> dict[str, Any]:
        """As plain data: lists of lists."""
        return {"keys": list(self.keys), "vectors": [list(row) for row in self.vectors]}

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """A vector of numbers."""
        wanted = "text" if isinstance(self.keys[0], str) else "integer"
        if inputs[0].kind != wanted:
            raise InvalidInput(f"{inputs[0].kind} looked up among keys that are {wanted}", expected=wanted)
        return ValueType("number", is_vector=True)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """A look-up of the place, and a row of a table whose last is 0."""
        (value,) = inputs
        count = len(self.keys)
        place = look_up(builder, value, self.keys, np.arange(count, dtype=np.float64), default=float(count))
        null = builder.is_null(value)
        if null is not None:
            place = builder.where(null, builder.number(float(count)), place)
        index = builder.node("Squeeze", [builder.cast(place, np.int64), builder.integer(1)])
        table = np.array([*self.vectors, [0.0] * len(self.vectors[0])], dtype=np.float64)
        found = builder.node("Gather", [builder.constant(table), index], axis=0)
        return Value(found, "number", width=table.shape[1])
