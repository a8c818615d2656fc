"""volume: a span of far fewer, or far more, rows than those before it is a warning that names it with both numbers."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation import Item
from headrace.validation.checks.volume import Volume
from tests.validation.spans import item_of, judge, of_spans

A = Feature("a", "integer")


def rows(number: int, first: int = 0) -> pa.Table:
    """That many rows, the first of them null."""
    return pa.table({"a": pa.array([None, *range(first + 1, first + number)], pa.int64())})


def months(*numbers: int) -> dict[str, pa.Table]:
    """A span each of that many rows, none with the rows of another."""
    return {f"{index:02}": rows(number, 10**6 * index) for index, number in enumerate(numbers, 1)}


def found(data: Dataset, previous: Dataset | None = None) -> Item | None:
    """What is said of the numbers of rows."""
    return item_of(judge(data, A, previous=previous), "volume")


class TestVolume(CheckCases):
    """The laws of checks of shape."""

    check = Volume
    features = (A,)
    right: ClassVar = months(900, 1000, 1100, 400)
    wrong: ClassVar = months(900, 1000, 1100, 60)


@pytest.mark.parametrize(
    ("number", "says"),
    [(60, True), (299, False), (1000, False), (3200, False), (4000, True)],
)
def test_a_new_span_against_those_before(number: int, says: bool) -> None:
    """Less than a third of the smallest, or more than three times the largest, beyond chance: it alone is named."""
    item = found(of_spans(months(900, 1000, number)), of_spans(months(900, 1000)))
    assert (item is not None) == says
    if item is not None:
        assert item.severity == "warning" and item.feature is None
        assert item.message.startswith(f"span 03 has {number:,} rows, where others have 900 to 1,000")


def test_an_old_span_is_told_once() -> None:
    """What was accepted before is not told again; a small month before makes a small one usual."""
    before = of_spans(months(900, 60, 1000))
    assert found(of_spans(months(900, 60, 1000)), before) is None
    assert found(of_spans(months(900, 60, 1000, 50)), before) is None


def test_a_span_delivered_again() -> None:
    """The same name with other content is held against what was accepted of it."""
    item = found(of_spans({"01": rows(50, 7)}), of_spans(months(1000)))
    assert item is not None and item.value == 20 and "others have 1,000" in item.message


def test_few_spans_and_few_rows_say_nothing() -> None:
    """Without a previous data set three others are needed; a handful of rows is chance; empty is empty_span's."""
    assert found(of_spans(months(1000, 10, 1000))) is None
    assert found(of_spans(months(4, 5, 4, 1))) is None
    assert found(of_spans({**months(900, 1000, 1100), "04": rows(1).slice(0, 0)})) is None
