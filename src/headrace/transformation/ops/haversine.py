"""ops.haversine: the distance between two places on the earth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Haversine"]

_RADIUS_KM = 6371.0088
# asin(sqrt(z)) / sqrt(z) on 0 <= z <= 1/4 as a polynomial in z, lowest power first: its Taylor series, evaluated in
# rational arithmetic at the twelve Chebyshev nodes and interpolated. Largest relative error 5e-16. ONNX Runtime has no
# arc sine of float64.
_ASIN = (
    1.0,
    0.16666666666689706,
    0.07499999995624415,
    0.04464286038603156,
    0.030381820752221768,
    0.022374928823605693,
    0.017313700945909897,
    0.01432423514994457,
    0.009376473481056653,
    0.01825637024213353,
    -0.011693559679531321,
    0.03150477675162432,
)


@dataclass(frozen=True)
class Haversine(Op):
    """`ops.haversine(x.lat, x.lon, x.shop_lat, x.shop_lon)`: kilometres along a great circle, between two places.

    The earth counts as a sphere of radius 6,371.0088 km, so the result is up to 0.6 % from the distance on the
    ellipsoid. Longitudes may be given as -180..180 or 0..360.

    Nulls: null where any coordinate is, where a latitude is outside -90..90, and where a longitude is infinite.

    Raises InvalidInput for text. Cost: about 60 nodes: 20 us of one row's time, and two distances cost twice that.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"away": ops.haversine(x.lat, x.lon, 47.37, 8.54)}).text(4)
    'haversine(x.lat, x.lon, 47.37, 8.54)'

    Source: R. W. Sinnott 1984, Virtues of the haversine; mean radius R1 of IUGG.
    """

    num_inputs: ClassVar[tuple[int, int | None]] = (4, 4)
    input_names: ClassVar[tuple[str, ...]] = ("latitude", "longitude", "other_latitude", "other_longitude")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        for item in inputs:
            if item.kind not in ("number", "integer"):
                raise InvalidInput(f"{item.kind} is no coordinate", expected="degrees, as numbers")
        return ValueType("number")

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """sin^2 of half the angle between, then twice its arc sine, in float64."""

        def calculate(op_type: str, left: str, right: str) -> str:
            return builder.node(op_type, [left, right])

        one, half, quarter = (builder.number(value) for value in (1.0, 0.5, 0.25))
        degree = builder.number(math.pi / 180.0)
        latitude, longitude, other_latitude, other_longitude = (
            calculate("Mul", builder.as_number(item), degree) for item in inputs
        )

        def half_sine(here: str, there: str) -> str:
            sine = builder.steady("Sin", calculate("Mul", calculate("Sub", there, here), half))
            return calculate("Mul", sine, sine)

        across = calculate("Mul", builder.steady("Cos", latitude), builder.steady("Cos", other_latitude))
        share = calculate(
            "Add",
            half_sine(latitude, other_latitude),
            calculate("Mul", across, half_sine(longitude, other_longitude)),
        )
        share = builder.where(builder.compare(">", share, one), one, share)  # by rounding, at the antipode
        # Beyond 60 degrees asin(s) = pi / 2 - 2 asin(sqrt((1 - s) / 2)), where s is the square root of the share.
        is_near = builder.compare("<=", share, quarter)
        root = builder.node("Sqrt", [share])
        small = builder.where(is_near, share, calculate("Mul", calculate("Sub", one, root), half))
        ratio = builder.number(_ASIN[-1])
        for coefficient in reversed(_ASIN[:-1]):
            ratio = calculate("Add", calculate("Mul", ratio, small), builder.number(coefficient))
        arc = calculate("Mul", builder.node("Sqrt", [small]), ratio)
        far = calculate("Sub", builder.number(math.pi / 2.0), calculate("Mul", arc, builder.number(2.0)))
        km = calculate("Mul", builder.where(is_near, arc, far), builder.number(2.0 * _RADIUS_KM))
        for item in (inputs[0], inputs[2]):
            is_real = builder.compare("<=", builder.node("Abs", [builder.as_number(item)]), builder.number(90.0))
            km = builder.where(is_real, km, builder.number(np.nan))
        for item in (inputs[1], inputs[3]):
            is_real = builder.compare("<", builder.node("Abs", [builder.as_number(item)]), builder.number(math.inf))
            km = builder.where(is_real, km, builder.number(np.nan))
        return Value(km, "number")
