"""ops.yeo_johnson: a power that makes a lopsided distribution as normal as a power can."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold import Distribution, Fold
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType

__all__ = ["YeoJohnson"]

_LEAST, _MOST = -5.0, 5.0
_GRID = 2.0**16  # finer, and the last bits of a platform's logarithm would show in the power
_MOST_CELLS = 4096


@dataclass(frozen=True)
class YeoJohnson(Op):
    """`ops.yeo_johnson(x.price)`: the value to a power p, made continuous at 0 and for both signs.

    ((v + 1)^p - 1) / p from 0 on, and -((1 - v)^(2 - p) - 1) / (2 - p) below; ln(v + 1) where p is 0, and -ln(1 - v)
    below 0 where p is 2. For linear models and neural networks; wrap it in `ops.z_score` for mean 0 and deviation 1.

    Parameters
    ----------
    exponent : float, optional
        p, from -5 to 5; nothing is then fitted. Otherwise p has the greatest likelihood that the result is normal, of
        the rows the transform is fitted on, within that range, to a multiple of 2^-16.

    Nulls: null stays null; nulls, NaN and infinities are left out of the fit. Where the values never varied, or there
    were none, p is 1, which changes nothing. A result that is no float64 is infinite. Beyond 4,096 distinct values, the
    fit takes that many quantiles for them.

    Raises InvalidInput for text, or for an exponent out of range. Cost: one fold over the column, and about 0.1 s to
    fit p; 17 nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"price": ops.yeo_johnson(x.price)}).text(1)
    'yeo_johnson(x.price)'

    Source: Yeo and Johnson 2000, "A new family of power transformations"; as scikit-learn's PowerTransformer without
    standardisation.
    """

    exponent: float | None = None

    def __post_init__(self) -> None:
        power: Any = self.exponent  # nothing has checked what was given
        if power is None:
            return
        if isinstance(power, bool) or not isinstance(power, (int, float)) or not _LEAST <= power <= _MOST:
            raise InvalidInput(f"exponent = {str(power)[:40]}", expected=f"a number from {_LEAST:g} to {_MOST:g}")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no power", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any] | None:
        """The column's distribution, unless the power is given."""
        return Distribution(columns[0], kinds[0]) if self.exponent is None else None

    def constants(self, result: Any) -> dict[str, Any]:
        """The likeliest power."""
        if not result.num_finite or not float(result.std_dev) > 0.0:
            return {"exponent": 1.0}
        values, counts = _cells(result)
        found = _climb(lambda power: _likelihood(values, counts, power))
        return {"exponent": round(found * _GRID) / _GRID}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Both halves, each of values that belong to it, and the one that does."""
        power = float(constants["exponent"] if self.exponent is None else self.exponent)
        value, zero = builder.as_number(inputs[0]), builder.number(0.0)
        is_below = builder.compare("<", value, zero)
        above = _half(builder, builder.where(is_below, zero, value), power)
        below = _half(builder, builder.where(is_below, builder.node("Neg", [value]), zero), 2.0 - power)
        return Value(builder.where(is_below, builder.node("Neg", [below]), above), "number")


def _half(builder: GraphBuilder, value: str, power: float) -> str:
    """((v + 1)^power - 1) / power of v from 0 on."""
    one = builder.number(1.0)
    if power == 1.0:
        return value
    moved = builder.node("Add", [value, one])
    if power == 0.0:
        return builder.steady("Log", moved)
    raised = builder.node("Sub", [builder.node("Pow", [moved, builder.number(power)]), one])
    return builder.node("Div", [raised, builder.number(power)])


def _cells(result: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The distinct finite values and their counts, or as many quantiles as are enough."""
    if result.num_distinct <= _MOST_CELLS:
        values = result.values
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        return np.array(values.to_pylist(), dtype=np.float64), np.asarray(result.counts, dtype=np.float64)
    shares = (np.arange(_MOST_CELLS) + 0.5) / _MOST_CELLS
    return np.asarray(result.quantiles(shares.tolist()), dtype=np.float64), np.ones(_MOST_CELLS)


def _likelihood(values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], power: float) -> float:
    """The log-likelihood of a power, up to a constant; minus infinity where it is no number."""
    with np.errstate(all="ignore"):
        sizes, signs = np.log1p(np.abs(values)), np.sign(values)
        powers = np.where(values < 0, 2.0 - power, power)
        # expm1(p ln(1 + v)) / p keeps the digits that (1 + v)^p - 1 loses for small v and p.
        halves = np.where(powers == 0.0, sizes, np.expm1(powers * sizes) / np.where(powers == 0.0, 1.0, powers))
        moved = np.where(values < 0, -halves, halves)
        total = counts.sum()
        mean = (moved * counts).sum() / total
        variance = ((moved - mean) ** 2 * counts).sum() / total
        found = -total / 2.0 * np.log(variance) + (power - 1.0) * (signs * sizes * counts).sum()
    return float(found) if np.isfinite(found) else -math.inf


def _climb(judge: Callable[[float], float]) -> float:
    """Where a function with one summit is greatest, between the least and the greatest power: golden section."""
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = _LEAST, _MOST
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = judge(left), judge(right)
    while high - low > 1.0 / _GRID:
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = judge(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = judge(right)
    return (low + high) / 2.0
