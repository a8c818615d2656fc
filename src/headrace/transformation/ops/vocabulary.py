"""ops.vocabulary: a category as a code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput, UnknownName
from headrace.fold import ByKey, Counts, Fold, Totals, lift
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import LABEL, Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, hash_code, look_up

__all__ = ["Vocabulary"]

_MOST = 1_000_000
_ORDERS = ("count", "mutual_information")


@dataclass(frozen=True)
class Vocabulary(Op):
    """`ops.vocabulary(x.carrier, top_k=50)`: the code of a category, the most frequent being 0.

    Codes follow the count in the rows the transform is fitted on, descending, then the value (texts by their UTF-8
    bytes, integers by size), ascending. A value outside the vocabulary is -1, or with `num_oov` one of that many
    codes above the vocabulary's, by MurmurHash3 (seed 0) of its UTF-8 bytes; for an integer, of its decimal digits.

    Parameters
    ----------
    top_k : int, optional
        Keep only the first so many.
    min_count : int
        Keep only values that came at least so often.
    num_oov : int
        Codes for values outside the vocabulary; 0 = they are all -1.
    order : str
        "count", or "mutual_information": codes follow how much it says of a binary label that the value is this one,
        sum of p(a, b) ln(p(a, b) / (p(a) p(b))) over a = this value or not, b = the label. Counts are then of rows with
        a label.

    Nulls: null stays null, so trees see it as missing; it is never part of the vocabulary. To give it a code of its
    own, fill it first: `x.carrier.fill_null("none")`. '' is a value like others.

    Raises InvalidInput for kinds other than text, integer and boolean, for mutual information with a label other than 0
    and 1, and when more than 1,000,000 values would be kept: a graph holds about 400 bytes for each. Cost: one fold
    over the column; one node, seven with `num_oov`.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"carrier": ops.vocabulary(x.carrier, top_k=50)}).text(1)
    'vocabulary(x.carrier, top_k=50)'
    """

    top_k: int | None = None
    min_count: int = 1
    num_oov: int = 0
    order: str = "count"

    def __post_init__(self) -> None:
        for name, least, most in (("top_k", 1, _MOST), ("min_count", 1, 2**63 - 1), ("num_oov", 0, 2**31)):
            value = getattr(self, name)
            if value is None and name == "top_k":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"{name} = {value!r}", expected=f"a whole number from {least} to {most}")
        if self.order not in _ORDERS:
            raise UnknownName("order of a vocabulary", str(self.order), _ORDERS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number: a whole one, NaN where null; categorical."""
        if inputs[0].kind not in ("text", "integer", "boolean"):
            raise InvalidInput(
                f"{inputs[0].kind} has no vocabulary", expected="text, integer or boolean", fix="ops.bucketize it first"
            )
        return ValueType("number", is_categorical=True)

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The exact count of every value, or of the label's values by value."""
        if self.order == "mutual_information":
            return lift(ByKey(Totals(LABEL), columns[0], kinds[0]))
        return Counts(columns[0], kinds[0])

    def constants(self, result: Any) -> dict[str, Any]:
        """The values kept, in the order of their codes."""
        if self.order == "mutual_information":
            return {"values": self._by_information(result)}
        values, counts, num_values = _most_frequent(result, self.top_k or _MOST, self.min_count)
        if self.top_k is None and num_values > _MOST:
            raise InvalidInput(
                f"a vocabulary of {num_values:,} values", expected=f"at most {_MOST:,}", fix="give top_k, and num_oov"
            )
        order = np.argsort(-counts, kind="stable")  # values come ascending
        found = values.take(pa.array(order)).to_pylist()
        if pa.types.is_large_string(values.type):
            found = list(dict.fromkeys(found))  # two texts that are not UTF-8 may look equal
            found = [item for item in found if item[:1] != "\x00"]  # as `can_be_asked`, a million times
        return {"values": found}

    def _by_information(self, result: Any) -> list[Any]:
        total, positive = int(result.whole.num_values[0]), int(result.whole.total[0])
        found: dict[Any, float] = {}
        for key, count, own in zip(
            result.keys, result.by_key.num_values.tolist(), result.by_key.total.tolist(), strict=False
        ):
            if not 0.0 <= own <= count or own != int(own):
                raise InvalidInput("the label has other values than 0 and 1", fix='order="count"')
            if count >= self.min_count and can_be_asked(key):
                found.setdefault(key, _information(count, int(own), total, positive))
        ranked = sorted(found, key=lambda key: -found[key])  # keys come ascending, and sorting is stable
        if len(ranked[: self.top_k]) > _MOST:
            raise InvalidInput(
                f"a vocabulary of {len(ranked):,} values", expected=f"at most {_MOST:,}", fix="give top_k, and num_oov"
            )
        return ranked[: self.top_k]

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """One LabelEncoder; a hash for what it does not know."""
        (value,) = inputs
        values = constants["values"]
        code = look_up(builder, value, values, np.arange(len(values), dtype=np.float64), default=-1.0)
        if self.num_oov:
            text = value.name
            if value.kind != "text":
                integer = value.name if value.kind == "integer" else builder.cast(value.name, np.int64)
                text = builder.cast(integer, np.str_)
            bucket = hash_code(builder, text, self.num_oov)
            outside = builder.node("Add", [bucket, builder.number(float(len(values)))])
            code = builder.where(builder.compare("==", code, builder.number(-1.0)), outside, code)
        return Value(code, "number")


def _information(count: int, own: int, total: int, positive: int) -> float:
    """Mutual information, in nats, of "this value" and "the label is 1", from whole counts."""
    cells = (
        (own, count, positive),
        (count - own, count, total - positive),
        (positive - own, total - count, positive),
        (total - count - positive + own, total - count, total - positive),
    )
    return math.fsum(both / total * math.log(both * total / (one * other)) for both, one, other in cells if both)


def _most_frequent(result: Any, limit: int, min_count: int) -> tuple[pa.Array, npt.NDArray[np.int64], int]:
    """Of a group's counts the `limit` most frequent values, ascending, their counts, and how many reach `min_count`.

    Of equal counts the first values are kept. Memory: three times what is kept, and a piece.
    """
    held: list[tuple[pa.Array, npt.NDArray[np.int64]]] = []
    num_held, num_values, least = 0, 0, min_count

    def prune() -> None:
        nonlocal held, num_held, least
        values, counts = pa.concat_arrays([values for values, _ in held]), np.concatenate([count for _, count in held])
        if len(counts) > limit:
            kept = np.sort(np.argsort(-counts, kind="stable")[:limit])
            values, counts = values.take(pa.array(kept)), counts[kept]
            least = int(counts.min()) + 1  # values to come are behind those of equal counts
        held, num_held = [(values, counts)], len(counts)

    for values, counts in result.pieces():
        num_values += int((counts >= min_count).sum())
        chosen = np.flatnonzero(counts >= least)
        held.append((values.take(pa.array(chosen)), counts[chosen]))
        num_held += len(chosen)
        if num_held > 2 * limit:
            prune()
    prune()
    return *held[0], num_values
