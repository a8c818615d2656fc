"""ops.cyclical: a point on a circle."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.cyclical import Cyclical


class TestCyclical(OpCases):
    """Hours, weekdays, degrees; numbers of any size."""

    columns: ClassVar = {"a": "number", "i": "integer"}

    def features(self, x):
        """Sine and cosine."""
        return {
            "sin": ops.cyclical(x.i, period=24, part="sin"),
            "cos": ops.cyclical(x.i, period=24, part="cos"),
            "degrees": ops.cyclical(x.a, period=360.0, part="sin"),
        }

    def define(self, rows, fitted):
        """NumPy's sine and cosine of a part of a turn."""

        def feature(name, period, function):
            found = []
            for row in rows:
                value = row[name]
                if value is None or not np.isfinite(float(value)):
                    found.append(None)
                    continue
                coordinate = function(np.fmod(float(value), period) / period * (2 * np.pi))
                found.append(float(np.round(coordinate * 2.0**40) / 2.0**40))
            return found

        return {
            "sin": feature("i", 24.0, np.sin),
            "cos": feature("i", 24.0, np.cos),
            "degrees": feature("a", 360.0, np.sin),
        }


def test_by_hand():
    """Six hours are a quarter of a day; 23 is as near to 0 as 1 is."""
    table = pa.table({"hour": [0, 6, 12, 18, 1, 23, None]})
    graph = transform(
        lambda x: {part: ops.cyclical(x.hour, period=24, part=part) for part in ("sin", "cos")},
        Dataset.from_arrow(table),
    )
    found = graph.apply(table)
    np.testing.assert_array_equal(found["sin"].to_numpy()[:4], [0, 1, 0, -1])
    np.testing.assert_array_equal(found["cos"].to_numpy()[:4], [1, 0, -1, 0])
    assert found["cos"][4] == found["cos"][5]
    assert np.isnan(found["sin"].to_numpy()[6])


@pytest.mark.parametrize("period", [0, -1, float("nan"), float("inf"), "24", True])
def test_bad_periods(period):
    """Above 0, and finite."""
    with pytest.raises(InvalidInput, match="period"):
        Cyclical(period, "sin")


def test_bad_input():
    """Another part, and text."""
    with pytest.raises(UnknownName, match="sin"):
        Cyclical(24, "tan")
    with pytest.raises(InvalidInput, match="come round"):
        Cyclical(24, "sin").infer([ValueType("text")])
