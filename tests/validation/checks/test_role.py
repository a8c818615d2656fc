"""role: the data set gives columns the roles that the schema says."""

from __future__ import annotations

import pyarrow as pa

from headrace.dataset import Dataset
from headrace.schema import Feature, Schema
from headrace.validation import validate

TABLE = pa.table({"y": [0, 1, None], "z": [1, 0, 1], "id": [1, 2, 3], "w": [1.0, 2.0, None]})
SCHEMA = Schema(
    (
        Feature("y", "integer", role="label", not_in=("serving",)),
        Feature("z", "integer"),
        Feature("id", "integer", role="key"),
        Feature("w", "number", role="weight"),
    )
)


def _names(**roles):
    found = validate(Dataset.from_arrow(TABLE, **roles), SCHEMA)
    return {item.feature: item.message for item in found.errors if item.code == "role"}


def test_right_roles_pass():
    """Label, key and weight are as the schema says."""
    assert _names(label="y", key=["id"], weight="w") == {}


def test_each_role_that_is_another_is_named():
    """Another label, none at all, a key of more columns: each an error."""
    assert set(_names(label="z", key=["id"], weight="w")) == {"y"}
    assert "which is z" in _names(label="z", key=["id"], weight="w")["y"]
    assert "no column" in _names(label="y", key=["id"])["w"]
    assert set(_names(label="y", key=["id", "z"], weight="w")) == {"z"}


def test_the_label_is_not_asked_for_where_it_is_not():
    """At serving there is no label."""
    data = Dataset.from_arrow(TABLE.drop_columns(["y"]), key=["id"], weight="w")
    assert validate(data, SCHEMA, environment="serving").ok
