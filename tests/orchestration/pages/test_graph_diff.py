"""The page of a difference between transforms: every change once, nobody's values."""

import pyarrow as pa

import headrace as hr
from headrace import ops
from tests.orchestration.pages.conftest import SECRET, awkward, features, page
from tests.report.looked_at import check_page


def test_what_moved_is_drawn():
    """Fitted values and movements, each with its bar; text values are counted, not listed."""
    tables = [awkward(), awkward(shift=0.7)]

    def wanted(x):
        return {**features(x), "who": ops.vocabulary(x.email)}

    before, now = (hr.transform(wanted, hr.Dataset.from_arrow(table, label="late")) for table in tables)
    diff = before.diff(now, tables[1])
    text = page("graph_diff", diff)
    root = check_page(text)
    assert SECRET not in text
    assert [h.text for h in root.all("h2")] == ["Fitted to other values", "What moves"]
    assert "mean" in root.text and "z_score(x.x)" in root.text
    assert diff._repr_html_()


def test_equal_transforms():
    """One line."""
    graph = hr.transform(lambda x: {"a": ops.z_score(x.a)}, hr.Dataset.from_arrow(pa.table({"a": [1.0, 2.0]})))
    assert "the transforms are equal" in page("graph_diff", graph.diff(graph))


def test_features_that_came_and_went():
    """In a table of their own."""
    dataset = hr.Dataset.from_arrow(pa.table({"a": [1.0, 2.0]}))
    before = hr.transform(lambda x: {"a": ops.z_score(x.a), "old": x.a}, dataset)
    now = hr.transform(lambda x: {"a": ops.min_max(x.a), "new": x.a}, dataset)
    root = check_page(page("graph_diff", before.diff(now)))
    assert "came" in root.text and "went" in root.text and "min_max(x.a)" in root.text
