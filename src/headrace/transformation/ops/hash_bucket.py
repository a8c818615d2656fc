"""ops.hash_bucket: a category as one of a fixed number of codes, without a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import hash_code

__all__ = ["HashBucket"]


@dataclass(frozen=True)
class HashBucket(Op):
    """`ops.hash_bucket(x.user_id, num_buckets=1024)`: the same code for the same category, for ever and anywhere.

    The code is MurmurHash3 of its UTF-8 bytes (of an integer: of its decimal digits), modulo `num_buckets`. Nothing is
    fitted and nothing kept, so new categories need no new model; but several share a code, the more so the fewer
    codes there are. Where the frequent ones should stay apart, `ops.vocabulary(..., num_oov=...)` does that.

    Parameters
    ----------
    num_buckets : int
        Codes are 0 to this less one.
    seed : int
        Another seed lets other categories meet: two features with different seeds rarely confuse the same two.

    Nulls: null stays null, so trees see it as missing. '' is a value like others.

    Raises InvalidInput for kinds other than text and integer, or for parameters out of range. Cost: six nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"user": ops.hash_bucket(x.user_id, num_buckets=1024)}).text(1)
    'hash_bucket(x.user_id, num_buckets=1024)'

    Source: MurmurHash3_x86_32, A. Appleby; Weinberger et al. 2009, Feature hashing for large scale multitask learning.
    """

    num_buckets: int
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (("num_buckets", 1, 2**31), ("seed", 0, 2**31 - 1)):
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"{name} = {value!r}", expected=f"a whole number from {least} to {most}")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number: a whole one, NaN where null; categorical."""
        if inputs[0].kind not in ("text", "integer"):
            raise InvalidInput(f"{inputs[0].kind} has no categories", expected="text or integer")
        return ValueType("number", is_categorical=True)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """MurmurHash3, Cast, Mod; Where for nulls."""
        (value,) = inputs
        text = value.name if value.kind == "text" else builder.cast(value.name, np.str_)
        code = hash_code(builder, text, self.num_buckets, seed=self.seed)
        null = builder.is_null(value)
        return Value(code if null is None else builder.where(null, builder.number(np.nan), code), "number")
