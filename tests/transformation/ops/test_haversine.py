"""ops.haversine: kilometres along a great circle."""

import math
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.haversine import Haversine


def kilometres(latitude, longitude, other_latitude, other_longitude):
    """By Python's arc sine; None where there is no such place."""
    if None in (latitude, longitude, other_latitude, other_longitude):
        return None
    if max(abs(latitude), abs(other_latitude)) > 90 or math.isinf(longitude) or math.isinf(other_longitude):
        return None
    a, b, c, d = (one * (math.pi / 180) for one in (latitude, longitude, other_latitude, other_longitude))
    share = math.sin((c - a) * 0.5) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) * 0.5) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(min(1.0, share)))


class TestHaversine(OpCases):
    """Two places of a row, and a place that is constant."""

    columns: ClassVar = {"a": "number", "b": "number", "c": "number", "d": "integer"}
    values: ClassVar = {
        "a": st.floats(-95, 95),
        "b": st.floats(-180, 180) | st.just(math.inf),
        "c": st.floats(-90, 90),
        "d": st.integers(-180, 360),
    }

    def features(self, x):
        """Between two, and from Zurich."""
        return {"away": ops.haversine(x.a, x.b, x.c, x.d), "zurich": ops.haversine(47.37, 8.54, x.c, x.d)}

    def define(self, rows, fitted):
        """By Python's arc sine."""
        return {
            "away": [kilometres(row["a"], row["b"], row["c"], row["d"]) for row in rows],
            "zurich": [kilometres(47.37, 8.54, row["c"], row["d"]) for row in rows],
        }


def test_by_hand():
    """A place to itself, a quarter and half of the earth, and New York to London."""
    table = pa.table(
        {"a": [10.0, 0.0, 0.0, 40.6413], "b": [20.0, 0.0, 0.0, -73.7781], "c": [10.0, 90.0, 0.0, 51.47]}
    ).append_column("d", pa.array([20.0, 0.0, 180.0, -0.4543]))
    graph = transform(lambda x: {"km": ops.haversine(x.a, x.b, x.c, x.d)}, Dataset.from_arrow(table))
    found = graph.apply(table)["km"].to_numpy()
    around = 2 * math.pi * 6371.0088
    np.testing.assert_allclose(found, [0.0, around / 4, around / 2, 5540.0], atol=1.0)


def test_the_arc_sine_is_good_to_its_last_bits():
    """Along a meridian the distance is the difference of latitudes; float64 inside, so float32 is exact."""
    latitudes = np.linspace(-90, 90, 4001)
    table = pa.table({"a": latitudes})
    graph = transform(lambda x: {"km": ops.haversine(-90.0, 0.0, x.a, 0.0)}, Dataset.from_arrow(table))
    expected = (latitudes + 90) * (math.pi / 180) * 6371.0088
    np.testing.assert_allclose(graph.apply(table)["km"].to_numpy(), expected, rtol=1.2e-7, atol=1e-5)


def test_text_is_refused():
    """It is no coordinate."""
    with pytest.raises(InvalidInput, match="no coordinate"):
        Haversine().infer([ValueType("number")] * 3 + [ValueType("text")])
