"""limits: figures of a column lie where the schema says, as far as they can be told."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.schema import Feature
from headrace.statistics import analyze
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.limits import Limits
from tests.validation.spans import item_of, judge, of_spans


class TestLimits(CheckCases):
    """The laws of checks: over all spans together."""

    check = Limits
    features = (Feature("x", "number", limits={"mean": (0, 2)}),)
    right: ClassVar = {"jan": pa.table({"x": [1.0, None]}), "feb": pa.table({"x": [3.0, 2.0]})}
    wrong: ClassVar = {"jan": pa.table({"x": [1.0, None]}), "feb": pa.table({"x": [3.0, 2.5]})}


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("mean", 2.5),
        ("median", 2.5),
        ("std_dev", float(np.std([1, 2, 3, 4]))),
        ("min", 1),
        ("max", 4),
        ("num_distinct", 4),
        ("share_distinct", 1),
        ("num_present", 4),
        ("p25", 1.75),
        ("p90", float(np.percentile([1, 2, 3, 4], 90))),
        ("num_zeros", 0),
    ],
)
def test_both_ends_are_included(figure, value):
    """NumPy's figure is within itself, and outside anything less or more."""
    data = {"x": [4.0, 1.0, None, 2.0, 3.0]}
    assert judge(data, Feature("x", "number", limits={figure: (value, value)})).ok
    for ends, word in (((value + 0.1, None), "at least"), ((None, value - 0.1), "at most")):
        item = item_of(judge(data, Feature("x", "number", limits={figure: ends})), "limits")
        assert item is not None and item.severity == "error" and word in item.message
        assert item.value == pytest.approx(value)


def test_statistics_at_hand_are_used():
    """The same finding with them and without."""
    data = Dataset.from_arrow(pa.table({"x": [1, 2, 2, 9]}))
    feature = Feature("x", "integer", limits={"num_distinct": (None, 2), "mean": (4, None)})
    assert judge(data, feature).items == judge(data, feature, statistics=analyze(data)).items
    assert item_of(judge(data, feature), "limits").message.count("was asked for") == 2


def test_a_figure_that_is_near_its_limit_is_no_error():
    """An estimate of distinct texts: beyond its bound an error, within it a warning that says so, else nothing."""
    data = {"c": [f"t{i}" for i in range(70_000)]}
    seen = analyze(Dataset.from_arrow(pa.table(data)))["c"]
    bound = seen.error_bounds["num_distinct"].error_bound
    found = {}
    for name, most in (("near", seen.num_distinct - bound / 2), ("far", 60_000), ("fine", 90_000)):
        item = item_of(judge(data, Feature("c", "text", limits={"num_distinct": (None, most)})), "limits")
        found[name] = None if item is None else item.severity
    assert found == {"near": "warning", "far": "error", "fine": None}


def test_nothing_to_judge():
    """No rows, only nulls, a column of another kind: other findings, not this one."""
    feature = Feature("x", "number", limits={"mean": (0, 1), "num_distinct": (1, None)})
    assert (
        item_of(
            judge(pa.table({"x": pa.array([], pa.float64())}), Feature("x", "number", limits={"mean": (0, 1)})),
            "limits",
        )
        is None
    )
    assert item_of(judge(of_spans({"1": {"x": ["a"]}, "2": {"x": [0.5]}}), feature), "limits") is None
