"""The page of checks says all there is: every code, every key of a schema, and an example that is a schema."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from headrace.lookup import names
from headrace.schema import DatasetLimits, Feature, Schema
from headrace.schema._evaluation import FUNCTIONS
from tests.pages import fences

PAGE = Path(__file__).parent.parent / "docs" / "checks.md"


def test_every_code_is_in_the_table():
    """One row a check, in their order, and none that there is not."""
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    codes = [row for row in rows if row not in ("production", "beta")]
    assert codes == names("check")


def test_the_example_is_a_schema(tmp_path):
    """The page's file is read, and every key of features and of the data set stands in it or in the text."""
    (text,) = [fence.text for fence in fences(PAGE) if fence.language == "yaml"]
    (tmp_path / "schema.yaml").write_text(text)
    schema = Schema.load(tmp_path / "schema.yaml")
    assert schema.is_reviewed and len(schema.checks) == 2
    page = PAGE.read_text()
    for item in (*fields(Feature), *fields(DatasetLimits)):
        assert item.name in page, item.name


def test_every_function_is_named():
    """What a condition may call."""
    page = PAGE.read_text()
    assert [name for name in FUNCTIONS if not re.search(rf"\b{name}\b", page)] == []


def test_what_tfdv_detects_has_a_place():
    """Every anomaly of the proof's table is named beside the code that finds it."""
    import ast

    tree = ast.parse((PAGE.parent.parent / "proofs" / "tfdv_schema.py").read_text())
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CODES"
    ]
    rows = {line.split("`")[1]: line for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    for anomaly, code in ast.literal_eval(table).items():
        assert anomaly in rows[code], anomaly
