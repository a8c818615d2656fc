"""Every page: whatever it shows, it is one file that a browser, a keyboard and a screen reader can use."""

import importlib
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest

import headrace as hr
from headrace import lookup
from headrace.orchestration.values import CLASSES
from headrace.report import Context, page_of
from tests.orchestration.pages.conftest import LONG, SCRIPT, SECRET, page
from tests.report.looked_at import check_card, check_page

KINDS = [
    "dataset",
    "evaluation",
    "feature_statistics",
    "graph_diff",
    "inspection",
    "model",
    "schema",
    "statistics",
    "table",
    "trainer",
    "transform_graph",
    "tuning",
    "validation",
    "value",
    "verdict",
]


def test_every_kind_of_artifact_has_a_page():
    """What can be in a store can be shown; the three that are no artifacts can too; `span` has its own test."""
    apart = {"run", "feature_statistics", "graph_diff"}
    assert set(lookup.names("page")) == {*CLASSES, *apart} == {*KINDS, "run", "span"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_keeps_the_promises(nouns, kind):
    """Well formed, nothing loaded, every drawing and table named, ids unique, hostile names shown and not obeyed."""
    text = page(kind, nouns[kind])
    root = check_page(text)
    assert SCRIPT not in text and "<marquee" not in text
    assert len(text) < 400_000
    assert next(root.all("h1")).text


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_shows_the_short_form(nouns, kind):
    """A card has no ids and no script, so that many fit on one page; it is smaller than the page."""
    noun = nouns[kind]
    text = noun._repr_html_() if hasattr(noun, "_repr_html_") else page_of(kind).card(noun)
    root = check_card(text)
    assert not any("id" in element.attributes or element.name == "script" for element in root.all())
    assert len(text) < len(page(kind, noun))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("value", "table", "trainer")])
def test_nouns_have_a_short_repr(nouns, kind):
    """One line, whatever is in it."""
    text = repr(nouns[kind])
    assert len(text) < 400 and "\n" not in text and "object at 0x" not in text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("feature_statistics", "graph_diff")])
def test_equal_objects_have_equal_pages(nouns, kind):
    """The page of what was saved and loaded is the same to the byte: nothing but the object is in it."""
    noun = nouns[kind]
    if kind == "validation":  # its data sets are artifacts of their own, looked for beside it
        return
    module, _, name = CLASSES[kind].partition(":")
    with tempfile.TemporaryDirectory() as folder:
        noun.save(Path(folder))
        loaded = getattr(importlib.import_module(module), name).load(Path(folder))
        assert page(kind, loaded) == page(kind, noun) == page(kind, noun)


@pytest.mark.parametrize("kind", KINDS)
def test_sensitive_values_are_not_shown(nouns, kind):
    """No page and no card holds a value of a column that the data set calls sensitive."""
    if kind == "table":  # a step's own table knows no roles
        return
    assert SECRET not in page(kind, nouns[kind])
    assert SECRET not in page_of(kind).card(nouns[kind])


@pytest.mark.parametrize("num_rows", [0, 1])
def test_no_rows_and_one_row(num_rows):
    """Nothing to draw is said, never an error, and no number that is none gets into a drawing."""
    table = pa.table(
        {
            "x": pa.array([1.5][:num_rows], pa.float64()),
            "n": pa.array([7][:num_rows], pa.int64()),
            "city": pa.array(["a"][:num_rows], pa.string()),
            "yes": pa.array([True][:num_rows], pa.bool_()),
            "when": pa.array([0][:num_rows], pa.timestamp("us")),
            "gone": pa.array([None][:num_rows], pa.float64()),
            "list": pa.array([[1]][:num_rows], pa.list_(pa.int64())),
        }
    )
    dataset = hr.Dataset.from_arrow(table, split={"train": 1, "eval": 1}, key=["n"])
    statistics = hr.analyze(dataset)
    schema = hr.infer_schema(statistics)
    for kind, noun in {
        "dataset": dataset,
        "statistics": statistics,
        "schema": schema,
        "validation": hr.validate(dataset, schema),
        "table": table,
        **{f"feature_statistics:{name}": statistics[name] for name in table.column_names},
    }.items():
        check_page(page(kind.partition(":")[0], noun))
        check_card(page_of(kind.partition(":")[0]).card(noun))


def test_odd_numbers():
    """Infinities, NaN, the largest and the smallest floats, one value throughout: drawn, or said."""
    columns = {
        "large": [1.7e308, -1.7e308, 0.0],
        "small": [5e-324, 1e-323, 0.0],
        "odd": [float("inf"), float("-inf"), float("nan")],
        "same": [1e16, 1e16, 1e16],
        "near": [1.0, 1.0 + 2**-52, 1.0],
        "wide": [2**62, -(2**62), 0],
    }
    statistics = hr.analyze(hr.Dataset.from_arrow(pa.table(columns)))
    check_page(page("statistics", statistics))
    for name in columns:
        check_page(page("feature_statistics", statistics[name]))


def test_500_columns_stay_small():
    """The page of a very wide data set draws the first 80 columns, lists all, says so, and is under a megabyte."""
    table = pa.table({f"column {at}": [at, at + 1, None] for at in range(500)})
    statistics = hr.analyze(hr.Dataset.from_arrow(table))
    text = page("statistics", statistics)
    root = check_page(text)
    assert len(text) < 1_000_000
    assert "420 more are in the table below" in root.text and "column 499" in root.text
    assert len(list(root.all("article"))) == 80


def test_links_are_made_where_pages_are(nouns):
    """An artifact's name is a link where the caller says where its page is, and plain text elsewhere."""
    verdict = nouns["verdict"]
    linked = page("verdict", verdict, link=lambda digest: f"{digest}.html")
    root = check_page(linked)
    targets = {a.attributes["href"] for a in root.all("a")}
    assert {f"{verdict.model_digest}.html", f"{verdict.evaluation_digest}.html"} <= targets
    assert f"{verdict.model_digest}.html" not in page("verdict", verdict)


def test_nothing_is_asked_of_a_notebook_twice(nouns):
    """A card asks for no digest: of a data set that would read every row."""

    class Unread(hr.Dataset):
        @property
        def digest(self):
            raise AssertionError("read")

    dataset = Unread.from_arrow(pa.table({"x": [1]}))
    assert "1 row of 1 column" in page_of("dataset").card(dataset)
    assert Context(is_brief=True).name_of(dataset) == ""
    assert LONG[:60] in nouns["statistics"]._repr_html_()
