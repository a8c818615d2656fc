"""ops.is_null: never null itself."""

from typing import ClassVar

from headrace.testing.op_cases import OpCases
from headrace.transformation import ops


class TestIsNull(OpCases):
    """Every kind, raw and computed."""

    columns: ClassVar = {"a": "number", "i": "integer", "f": "boolean", "t": "text", "w": "timestamp"}

    def features(self, x):
        """Both spellings."""
        return {name: x[name].is_null() for name in self.columns} | {
            "function": ops.is_null(x.a),
            "again": x.a.is_null().is_null(),
            "by_zero": (x.i % 0).is_null(),
            "crossed": ops.cross(x.t, x.i).is_null(),
        }

    def define(self, rows, fitted):
        """None."""
        found = {name: [row[name] is None for row in rows] for name in self.columns}
        found["function"] = found["a"]
        found["again"] = [False for _ in rows]
        found["by_zero"] = [True for _ in rows]
        found["crossed"] = [row["t"] is None or row["i"] is None for row in rows]
        return found
