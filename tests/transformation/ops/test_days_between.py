"""ops.days_between: days from one moment to another."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.days_between import DaysBetween


class TestDaysBetween(OpCases):
    """Two columns, and a column and a constant."""

    columns: ClassVar = {"t": "timestamp", "u": "timestamp"}

    def features(self, x):
        """Of columns, and since a day."""
        import datetime

        return {"both": ops.days_between(x.t, x.u), "since": ops.days_between(datetime.datetime(2000, 1, 1), x.t)}

    def define(self, rows, fitted):
        """Whole microseconds, then one division."""
        day, start = 86_400_000_000, 946_684_800_000_000

        def days(first, second):
            return None if None in (first, second) else float(second - first) / day

        return {
            "both": [days(row["t"], row["u"]) for row in rows],
            "since": [days(start, row["t"]) for row in rows],
        }


def test_by_hand():
    """A day and a half; backwards; null."""
    moments = pa.array([0, 129_600_000_000, None], pa.timestamp("us", "UTC"))
    table = pa.table({"a": pa.array([0, 0, 0], pa.timestamp("us", "UTC")), "b": moments})
    graph = transform(
        lambda x: {"on": ops.days_between(x.a, x.b), "back": ops.days_between(x.b, x.a)}, Dataset.from_arrow(table)
    )
    np.testing.assert_array_equal(graph.apply(table)["on"].to_numpy(), [0.0, 1.5, np.nan])
    np.testing.assert_array_equal(graph.apply(table)["back"].to_numpy(), [0.0, -1.5, np.nan])


def test_what_is_no_moment_is_refused():
    """A number has no place in time."""
    with pytest.raises(InvalidInput, match="no moment"):
        DaysBetween().infer([ValueType("timestamp"), ValueType("number")])
