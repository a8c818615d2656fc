"""unique: no value comes twice, exactly, however little memory there is."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.schema import DatasetLimits, Feature, Schema
from headrace.statistics import analyze
from headrace.testing.check_cases import CheckCases
from headrace.validation import _repeats, validate
from headrace.validation.checks.unique import Unique
from tests.validation.spans import item_of, judge, of_spans


class TestUnique(CheckCases):
    """The laws of checks: the same value in two spans is one too many."""

    check = Unique
    features = (Feature("id", "integer", is_unique=True),)
    right: ClassVar = {"jan": pa.table({"id": [1, 2, None]}), "feb": pa.table({"id": [3, None, None]})}
    wrong: ClassVar = {"jan": pa.table({"id": [1, 2]}), "feb": pa.table({"id": [3, 2]})}


@pytest.mark.parametrize("values", [[3, 1, 3], ["b", "a", "b"], [0.5, 1.0, 0.5], [True, False, True]])
def test_every_row_that_shares_its_value_counts(values):
    """Two of three rows, both shown; a null is never one of them."""
    kind = {int: "integer", str: "text", float: "number", bool: "boolean"}[type(values[0])]
    item = item_of(judge({"a": [*values, None, None]}, Feature("a", kind, is_unique=True)), "unique")
    assert item is not None and (item.value, item.threshold) == (2, 0)
    assert [row.row_index for row in item.rows] == [0, 2]
    assert "2 of 3 rows" in item.message


def _schema(**options):
    features = (Feature("a", "text"), Feature("b", "integer"))
    return Schema(features, dataset=DatasetLimits(unique=(("a", "b"),)), **options)


def test_columns_together():
    """A pair may come once; a row with a null in one of them is not compared; the finding names both."""
    data = Dataset.from_arrow(pa.table({"a": ["x", "x", "y", "x", None, None], "b": [1, 2, 1, 1, 1, 1]}))
    found = validate(data, _schema())
    (item,) = found.errors
    assert (item.name, item.value) == ("unique:a,b", 2)
    assert [row.value for row in item.rows] == ["a=x, b=1", "a=x, b=1"]
    kept = validate(data, _schema(), quarantine=True)
    assert kept.ok and kept.num_quarantined == 2


@pytest.mark.parametrize("at_once", [1, 7, 64, 10_000])
def test_any_memory_gives_the_same_answer(at_once, monkeypatch):
    """Counted by hand over 500 rows in three spans, in one pass or in hundreds, and the same rows set aside."""
    monkeypatch.setattr(_repeats, "HASHES_AT_ONCE", at_once)
    values = np.random.default_rng(1).integers(0, 600, 500).tolist()
    data = of_spans({str(i): {"id": values[i * 100 : (i + 1) * 100]} for i in range(5)})
    counts = Counter(values)
    feature = Feature("id", "integer", is_unique=True)
    item = item_of(judge(data, feature), "unique")
    assert item is not None and item.value == sum(count for count in counts.values() if count > 1)
    kept = judge(data, feature, quarantine=True)
    assert sorted(kept.accepted.to_arrow()["id"].to_pylist()) == sorted(v for v in values if counts[v] == 1)


def test_few_repeated_hashes_are_compared_by_value(monkeypatch):
    """Two values of one hash are not equal: a collision is no finding."""
    monkeypatch.setattr(_repeats, "hash_array", lambda column: np.arange(len(column), dtype=np.uint64) // 2)
    assert judge({"id": ["a", "b", "c", "c"]}, Feature("id", "text", is_unique=True)).errors[0].value == 2
    assert judge({"id": ["a", "b", "c", "d"]}, Feature("id", "text", is_unique=True)).ok


def test_statistics_spare_the_pass_and_sensitive_values_are_hidden(monkeypatch):
    """With distinct values known nothing is read; a sensitive column's values are not shown."""
    feature = Feature("id", "integer", is_unique=True)
    data = Dataset.from_arrow(pa.table({"id": [1, 2, None]}))
    with monkeypatch.context() as patch:
        patch.setattr(_repeats, "find_repeats", None)
        assert judge(data, feature, statistics=analyze(data)).ok
    again = Dataset.from_arrow(pa.table({"id": [1, 1]}))
    assert judge(again, feature, statistics=analyze(again)).errors
    secret = item_of(judge(again, Feature("id", "integer", is_unique=True, is_sensitive=True)), "unique")
    assert secret is not None and [row.value for row in secret.rows] == [None, None]


def test_a_share_may_be_tolerated():
    """Two of ten rows, where a fifth may."""
    values = [*range(9), 0]
    feature = Feature("id", "integer", is_unique=True, tolerance={"unique": 0.2})
    assert judge({"id": values}, feature).ok
    assert not judge({"id": [*values, 0]}, feature).ok
