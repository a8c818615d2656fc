"""How two schemas differ: one line a feature, both directions, nothing for what is equal."""

from __future__ import annotations

from dataclasses import replace

from headrace.schema import DatasetLimits, Feature, FreeCheck, Schema
from headrace.schema.differences import differences

OLD = Schema(
    (
        Feature("a", "text", domain=("x", "y")),
        Feature("at", "timestamp", max=86_400_000_000),
        Feature("n", "number", limits={"mean": (0, None)}),
    ),
    domains={"d": ("p",)},
    checks=(FreeCheck("c", "n > 0"),),
)


def test_equal_schemas_differ_in_nothing():
    """Reviewed or not."""
    assert differences(OLD, replace(OLD, is_reviewed=False)) == []


def test_each_change_is_a_line():
    """Features that join, leave and change; moments as people write them; sections of the data set."""
    new = Schema(
        (
            Feature("b", "integer", is_unique=True),
            Feature("a", "text", domain=("y", "z")),
            Feature("at", "timestamp", min_present=1.0),
        ),
        dataset=DatasetLimits(min_rows=5),
        domains={"d": ("p", "q")},
        severity={"volume": "error"},
        checks=(),
    )
    assert differences(OLD, new) == [
        "~ dataset: min_rows: 5 (was not there)",
        "~ domains: d: +'q'",
        "~ severity: volume: 'error' (was not there)",
        "- check c",
        "+ b (kind: 'integer', is_unique: True)",
        "~ a: domain: +'z' -'x'",
        "~ at: min_present: 1.0 (was not there); max goes (was '1970-01-02T00:00:00Z')",
        "- n",
    ]
    turned = replace(OLD, features=tuple(reversed(OLD.features)))
    assert differences(OLD, turned) == ["~ order: n, at, a"]
    listed = OLD.with_domain("a", ("y", "x"))
    assert differences(OLD, listed) == ["~ a: domain: another order"]


def test_long_lists_are_cut():
    """A hundred new values are twenty and a number."""
    new = OLD.with_domain("a", ("x", "y", *(f"v{i}" for i in range(100))))
    (line,) = differences(OLD, new)
    assert line.endswith("+'v19' and 80 more")
