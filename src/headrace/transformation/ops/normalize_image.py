"""ops.normalize_image: a picture's values by the mean and deviation of each channel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["NormalizeImage"]


@dataclass(frozen=True)
class NormalizeImage(Op):
    """`ops.normalize_image(ops.image(...), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))`.

    (value / scale - mean) / std, each channel by its own, in float64.

    Parameters
    ----------
    mean, std : tuple of float
        One for each channel: 1 or 3. Deviations are above 0.
    scale : float
        What a value is divided by first; 255 makes of bytes shares.
    order : "hwc" or "chw"
        How the numbers come out: a pixel's channels side by side, as they come in, or all of one channel and then the
        next, as networks trained with PyTorch take them.

    Nulls: null stays null.
    Raises InvalidInput for other numbers, and where the vector is no whole number of pixels. Cost: three nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> traced = trace(lambda x: {"p": ops.normalize_image(ops.image(x.p, height=2, width=2), mean=(0.5,), std=(0.5,))})
    >>> traced.nodes[2].op
    'normalize_image'
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 255.0
    order: str = "hwc"

    takes_vectors: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            given = getattr(self, name)
            is_right = isinstance(given, (tuple, list)) and len(given) in (1, 3) and all(map(_is_number, given))
            if not is_right or (name == "std" and min(given) <= 0):
                raise InvalidInput(f"{name} = {given!r}", expected="a number for each channel: 1 or 3")
            object.__setattr__(self, name, tuple(float(value) for value in given))
        if len(self.mean) != len(self.std):
            raise InvalidInput(f"{len(self.mean)} means, {len(self.std)} deviations", expected="as many")
        if not _is_number(self.scale) or self.scale <= 0:
            raise InvalidInput(f"scale = {self.scale!r}", expected="a number above 0")
        if self.order not in ("hwc", "chw"):
            raise InvalidInput(f"order = {self.order!r}", expected="hwc or chw")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """A vector as long."""
        if not inputs[0].is_vector:
            raise InvalidInput(f"{inputs[0].kind} is no picture", expected="ops.image(...)")
        return ValueType("number", is_vector=True)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Div, Sub and Div by repeated constants; then, for chw, one Gather."""
        value, channels = inputs[0], len(self.mean)
        pixels, rest = divmod(value.width, channels)
        if rest:
            raise InvalidInput(f"{value.width} numbers are no pixels of {channels} channels")
        name = builder.node("Div", [value.name, builder.number(self.scale)])
        for operator, numbers in (("Sub", self.mean), ("Div", self.std)):
            name = builder.node(operator, [name, builder.constant(np.tile(np.array([numbers]), pixels))])
        if self.order == "chw" and channels > 1:
            places = np.arange(value.width, dtype=np.int64).reshape(pixels, channels).T.reshape(-1)
            name = builder.node("Gather", [name, builder.constant(places)], axis=1)
        return Value(name, "number", None, value.width)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
