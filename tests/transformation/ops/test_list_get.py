"""ops.list_get: one value of a list."""

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestListGet(OpCases):
    """Of texts, numbers, booleans and moments, with what may follow."""

    columns: ClassVar = {"t": "list of text", "p": "list of number", "f": "list of boolean", "w": "list of timestamp"}

    def features(self, x):
        """By the place, from both ends."""
        return {
            "t": ops.vocabulary(x.t.list.get(0)),
            "p": x.p.list.get(-1),
            "f": ops.list_get(x.f, index=1),
            "w": ops.days_between(x.w.list.first(), x.w.list.get(1)),
        }

    def define(self, rows, fitted):
        """Python's own places."""

        def at(values, index):
            return values[index] if values is not None and -len(values) <= index < len(values) else None

        def days(first, second):
            return None if first is None or second is None else (second - first) / 86_400_000_000

        words = meaning.vocabulary([at(row["t"], 0) for row in fitted])
        return {
            "t": [meaning.code(at(row["t"], 0), words) for row in rows],
            "p": [at(row["p"], -1) for row in rows],
            "f": [at(row["f"], 1) for row in rows],
            "w": [days(at(row["w"], 0), at(row["w"], 1)) for row in rows],
        }


def test_by_hand():
    """What is got is a text like others; a place is a whole number."""
    table = pa.table({"t": [["ab", "c"], [], None]})
    graph = transform(lambda x: {"t": x.t.list.first().str.length()}, Dataset.from_arrow(table))
    assert graph.apply(table)["t"].to_pylist()[0] == 2.0
    with pytest.raises(InvalidInput, match="list_get with"):
        transform(lambda x: {"t": x.t.list.get(1.5)}, Dataset.from_arrow(table))
