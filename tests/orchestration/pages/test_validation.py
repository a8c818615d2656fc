"""The page of a validation: findings first, with the values before and now where these are at hand."""

import pytest

import headrace as hr
from headrace.report import Context, page_of
from headrace.report.document import document
from tests.orchestration.pages.conftest import SECRET, awkward, page
from tests.report.looked_at import check_page


@pytest.fixture(scope="module")
def drifted():
    """A validation of rows in another unit, and what it names, by digest."""
    before = hr.Dataset.from_arrow(
        awkward(3000).drop_columns(["nothing"]), label="late", key=["id"], span="a", sensitive=["email"]
    )
    table = awkward(3000).drop_columns(["nothing"])
    column = [None if value is None else value * 60 for value in table["x"].to_pylist()]
    table = table.set_column(table.column_names.index("x"), "x", [column])
    now = hr.Dataset.from_arrow(table, label="late", key=["id"], span="b", sensitive=["email"])
    schema = hr.infer_schema(hr.analyze(before))
    validation = hr.validate(now, schema, previous=before)
    return validation, {item.digest: item for item in (before, now, schema)}


def test_findings_come_first_with_both_distributions(drifted):
    """What drifted is drawn before and now; the rest of the page is short."""
    validation, known = drifted
    assert not validation.ok
    text = document(page_of("validation").report(validation, Context(load=known.get)))
    root = check_page(text)
    assert next(root.all("h1")).text.startswith("The data were not accepted: ")
    assert next(root.all("h2")).text == "Findings"
    first = next(root.all("article"))
    assert "is-bad" in first.classes
    assert any(svg.children[0].text == "x: how its values are spread" for svg in first.all("svg"))
    assert SECRET not in text


def test_without_the_data_there_is_no_drawing_and_no_error(drifted):
    """A validation alone, as somebody may have been sent it: the findings in words."""
    root = check_page(page("validation", drifted[0]))
    assert not [svg for svg in root.all("svg") if svg.attributes.get("aria-hidden") != "true"]
    assert "drift" in root.text


def test_rows_at_fault_are_listed(nouns):
    """Where they lie and what they hold; values of a sensitive column are not said."""
    dataset = nouns["dataset"]
    schema = hr.Schema.from_plain(
        {
            "format": 1,
            "features": [
                {"name": "x", "kind": "number", "max": 1.0},
                {"name": "email", "kind": "text", "domain": ["nobody"]},
            ],
        }
    )
    text = page("validation", hr.validate(dataset, schema))
    root = check_page(text)
    assert "Example rows, counted from 0" in root.text and SECRET not in text
    found = next(item for item in root.all("article") if "range:x" in item.text)
    values = [float(cell.text) for cell in found.all("td") if cell.text and cell.text[0].isdigit() and "." in cell.text]
    assert values and min(values) > 1.0
