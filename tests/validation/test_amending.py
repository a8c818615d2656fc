"""Amending a schema: the finding that was allowed is none afterwards, and nothing else has changed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.schema import DatasetLimits, Feature, FreeCheck, Schema
from headrace.validation import Item, validate
from headrace.validation.amending import AMENDABLE, amend
from tests.validation.spans import judge, of_spans

UTC = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("code", "feature", "before", "after"),
    [
        ("domain", Feature("a", "text", domain=("x",)), {"a": ["x", None]}, {"a": ["y", "x"]}),
        ("range", Feature("a", "integer", min=0, max=5), {"a": [1, None]}, {"a": [-3, 9]}),
        ("range", Feature("a", "number", max=5), {"a": [1.0, None]}, {"a": [float("nan"), 7.5]}),
        ("range", Feature("a", "timestamp", min=10), {"a": pa.array([10, None], UTC)}, {"a": pa.array([3, 11], UTC)}),
        ("presence", Feature("a", "integer", min_present=1.0), {"a": [1, 2]}, {"a": [None, 4]}),
        ("nan", Feature("a", "number", allow_nan=False), {"a": [1.0, None]}, {"a": [float("nan"), 2.0]}),
        ("infinite", Feature("a", "number", allow_infinite=False), {"a": [1.0, None]}, {"a": [float("inf"), 2.0]}),
        ("length", Feature("a", "text", min_length=2, max_length=3), {"a": ["xx", None]}, {"a": ["", "é" * 5]}),
        ("length", Feature("a", "binary", max_length=1), {"a": [b"x", None]}, {"a": [b"xyz", b""]}),
        ("valency", Feature("a", "list", min_values=1, max_values=1), {"a": [[1], None]}, {"a": [[], [1, 2, 3]]}),
        ("order", Feature("a", "integer", order="increasing"), {"a": [1, None]}, {"a": [5, 4]}),
        ("unique", Feature("a", "integer", is_unique=True), {"a": [1, None]}, {"a": [1, 4]}),
        ("type", Feature("a", "integer", max=3, stage="production", role=None), {"a": [1, None]}, {"a": [1.5, 2.0]}),
        ("missing_column", Feature("b", "integer"), {"a": [1], "b": [2]}, {"a": [1]}),
        ("new_column", Feature("a", "integer"), {"a": [1, None]}, {"a": [1, 2], "b": ["x", None]}),
    ],
)
def test_the_finding_is_none_afterwards(code, feature, before, after):
    """Amended by the least: no such finding any more, other features as they were."""
    other = Feature("other", "text", min_present=0.5)
    rows = [len(next(iter(table.values()))) for table in (before, after)]
    tables = {"1": {**before, "other": ["t"] * rows[0]}, "2": {**after, "other": ["t"] * rows[1]}}
    data = of_spans(tables)
    found = [item for item in judge(data, feature, other).items if item.code == code]
    assert len(found) == 1
    amended = amend(Schema((feature, other)), found[0], data)
    assert amended["other"] == other
    left = [item.severity for item in judge(data, *amended.features).items if item.code == code]
    assert left == (["warning"] if code == "type" else [])  # the spans still differ, and are read as one
    assert amend(amended, found[0], data) == amended if code != "missing_column" else "b" not in amended


def test_what_the_schema_has_no_say_in_is_refused():
    """Drift, a span delivered twice, a feature that is not there, and types that no kind holds."""
    data = of_spans({"1": {"a": [1]}, "2": {"a": ["x"]}})
    schema = Schema((Feature("a", "integer"),))
    assert "drift_scale" not in AMENDABLE
    with pytest.raises(InvalidInput, match="drift_scale:a is not about the schema"):
        amend(schema, Item("drift_scale", "a", None, "error", 1, 0, ""), data)
    with pytest.raises(InvalidInput, match="not about the schema"):
        amend(schema, Item("repeated_span", None, None, "error", 1, 0, ""), data)
    with pytest.raises(UnknownName, match="'z'"):
        amend(schema, Item("range", "z", None, "error", 1, 0, ""), data)
    with pytest.raises(InvalidInput, match="'a' is int64, string"):
        amend(schema, Item("type", "a", None, "error", 1, 0, ""), data)


def test_what_several_features_say_is_amended_too():
    """A shared domain for all that share it; a set of columns is no longer unique; a missing column takes its checks
    along."""
    schema = Schema(
        (Feature("a", "text", domain_from="d"), Feature("b", "text", domain_from="d"), Feature("n", "integer")),
        domains={"d": ("y", "x")},
        dataset=DatasetLimits(unique=(("a", "n"),)),
        checks=(FreeCheck("positive", "n > 0"),),
    )
    data = of_spans({"1": {"a": ["x", "x", "w"], "b": ["y", None, "v"], "n": [1, 1, 1]}})
    items = {item.name: item for item in validate(data, schema).errors}
    assert set(items) == {"domain:a", "domain:b", "unique:a,n"}
    amended = amend(schema, items["domain:a"], data)
    assert amended.domain_of("b") == ("y", "x", "w")  # behind what a person wrote
    amended = amend(amend(amended, items["domain:b"], data), items["unique:a,n"], data)
    assert validate(data, amended).ok and amended.dataset == DatasetLimits()
    lacking = of_spans({"1": {"a": ["x"], "b": [None]}})
    (missing,) = validate(lacking, amended).errors
    assert amend(amended, missing, lacking).checks == () and validate(lacking, amend(amended, missing, lacking)).ok


def test_a_pattern_is_a_persons():
    """Nobody can tell from values what form was meant."""
    data = of_spans({"1": {"a": ["x"]}})
    with pytest.raises(InvalidInput, match="pattern:a is not about the schema"):
        amend(Schema((Feature("a", "text", pattern="y"),)), Item("pattern", "a", None, "error", 1, 0, ""), data)
