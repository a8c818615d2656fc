"""ops.list_sum: exact, and rounded once."""

import math
from fractions import Fraction
from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform


def exact(values):
    """What exact arithmetic says of values without nulls, rounded to float64."""
    infinite = {value for value in values if math.isinf(value)}
    if infinite:
        return math.nan if len(infinite) == 2 else infinite.pop()
    total = sum(map(Fraction, values), Fraction(0))
    try:
        return total.numerator / total.denominator
    except OverflowError:
        return math.inf if total > 0 else -math.inf


class TestListSum(OpCases):
    """Of lists of numbers and integers, extremes among them."""

    columns: ClassVar = {"p": "list of number", "i": "list of integer"}

    def features(self, x):
        """Alone, and under an op that is fitted."""
        return {"p": x.p.list.sum(), "i": ops.list_sum(x.i), "known": x.i.list.sum() > 0}

    def define(self, rows, fitted):
        """By fractions."""

        def total(values):
            if values is None:
                return None
            return exact([value for value in values if value is not None and value == value])

        sums = [total(row["i"]) for row in rows]
        known = [None if item is None else float(item > 0) for item in sums]
        return {"p": [total(row["p"]) for row in rows], "i": sums, "known": known}


def test_by_hand():
    """Ten tenths are one, in any order; the largest numbers do not overflow on the way."""
    lists = [[0.1] * 10, [1e100, 1.0, -1e100], [1.7e308, 1.7e308, -1.7e308], [1.0], []]
    table = pa.table({"p": pa.array(lists), "f": pa.array([[True, None, True]] * 5)})
    graph = transform(lambda x: {"p": x.p.list.sum(), "f": x.f.list.sum()}, Dataset.from_arrow(table))
    found = graph.explain({"p": [1.7e308, 1.7e308, -1.7e308], "f": None})
    assert found["list_sum(x.p)"] == 1.7e308
    assert graph.apply(table)["p"].to_pylist()[:2] == [1.0, 1.0]
    assert graph.apply(table)["f"].to_pylist() == [2.0] * 5


def test_texts_have_no_sum():
    """A list of texts is refused, before a row is read."""
    with pytest.raises(InvalidInput, match=r"a list of text.*expected a list of number or integer or boolean"):
        transform(lambda x: {"t": x.t.list.sum()}, Dataset.from_arrow(pa.table({"t": [["a"]]})))
