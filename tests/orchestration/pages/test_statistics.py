"""The page of statistics: what stands out is said, the newest span is drawn over those before it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.fold import Distribution
from headrace.orchestration.pages._spread import Spread
from headrace.report.markup import fit
from tests.orchestration.pages.conftest import SECRET, awkward, page
from tests.report.looked_at import check_page


@pytest.fixture
def months(tmp_path):
    """Three spans, in the last of which x has moved."""
    for name, shift in (("2024-01", 0.0), ("2024-02", 0.0), ("2024-03", 3.0)):
        pq.write_table(awkward(shift=shift).drop_columns(["nothing"]), tmp_path / f"{name}.parquet")
    return hr.ingest(str(tmp_path / "{span}.parquet"), label="late", key=["id"], sensitive=["email"])


def test_what_moved_is_said_and_drawn(months):
    """The column that moved is the first thing to look at; each span has its outline, the newest in colour."""
    root = check_page(page("statistics", hr.analyze(months)))
    first = next(item for item in root.all("ul") if "list" in item.classes).children[0].text
    assert first.startswith("Moved in 2024-03 (") and ": x " in first
    tile = next(item for item in root.all("article") if item.text.startswith("x"))
    outlines = [item for item in tile.all("path") if "line" in item.classes]
    assert [item.children[0].text for item in outlines] == ["2024-01", "2024-02", "2024-03"]
    assert ["accent" in item.classes for item in outlines] == [False, False, True]


def test_tiles_can_be_sorted(months, nouns):
    """Each tile has its distance, share missing, name and place for the script; without spans there is no distance."""
    root = check_page(page("statistics", hr.analyze(months)))
    (grid,) = [item for item in root.all("div") if "data-sort" in item.attributes]
    assert grid.attributes["data-sort"] == "distance missing name order"
    tiles = {item.attributes["data-name"]: item.attributes for item in root.all("article")}
    assert float(tiles["x"]["data-distance"]) == max(float(tile["data-distance"] or 0) for tile in tiles.values()) > 0.2
    names = hr.analyze(months).feature_names
    assert sorted(tiles, key=lambda one: int(tiles[one]["data-order"])) == [fit(one) for one in names]
    assert tiles["email"]["data-distance"] == ""  # sensitive: not even that
    alone = check_page(page("statistics", nouns["statistics"]))
    assert [item.attributes["data-sort"] for item in alone.all("div") if "data-sort" in item.attributes] == [
        "missing name order"
    ]


def test_what_stands_out_is_said(nouns):
    """Nulls throughout, a column that names rows, gaps: each said once, with the columns it is true of."""
    text = check_page(page("statistics", nouns["statistics"])).text
    assert "Nothing but nulls: nothing, empty" in text
    assert "Hardly any value twice (nothing can be learnt from it): id, email" in text
    assert "Sensitive: its values are not shown." in text and SECRET not in text


def test_spreads_are_shares_of_the_values():
    """Bins cover all values but the tails that are cut off, and what is cut off is said."""
    values = np.concatenate([np.random.default_rng(0).normal(size=5000), [1e6]])
    statistics = hr.analyze(hr.Dataset.from_arrow(pa.table({"x": values})))
    found = statistics.distribution("x")
    spread = Spread("x", found)
    assert spread.edges[-1] < 10 and 0.98 < sum(spread.shares(found)) < 1
    assert "lie outside: from" in spread.remark and "1,000,000" in spread.remark


@pytest.mark.parametrize(("shift", "expected"), [(0, 0.0), (100, 1.0)])
def test_the_distance_of_two_sets_of_rows(shift, expected):
    """0 for the same rows, 1 for rows that share nothing; nulls count as a value of their own."""

    def of(values):
        statistics = hr.analyze(hr.Dataset.from_arrow(pa.table({"x": values})))
        return statistics.distribution("x")

    values = list(range(40))
    moved = [value + shift for value in values]
    spread = Spread("x", of([*values, *moved]))
    assert spread.distance(of(values), of(moved)) == pytest.approx(expected)
    assert spread.distance(of([*values, None]), of(values)) == pytest.approx(1 / 41)
    assert spread.distance(of(values), of(pa.array([], pa.int64()))) is None


def test_text_that_was_sketched_is_drawn():
    """More distinct texts than are kept: the most frequent of a sample, all others together."""
    values = [f"{at}" for at in range(70_000)] + ["often"] * 30_000
    statistics = hr.analyze(hr.Dataset.from_arrow(pa.table({"t": values})))
    assert isinstance(statistics.folds[0], Distribution) and not statistics.distribution("t").is_exact
    root = check_page(page("statistics", statistics))
    assert "others" in root.text and "The most frequent of a sample" in root.text


def test_what_lies_in_columns_is_drawn_too():
    """Lists, structs, decimals and weights have their figures; what a column is about and its shape are said."""
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "amount": pa.array((rng.normal(100, 9, 400).round(2)).astype(str)).cast(pa.decimal128(9, 2)),
            "tags": pa.array([["a", "b"], [], None, ["a"]] * 100),
            "place": pa.array([{"land": "US", "code": f"AA-{at:04}"} for at in range(400)]),
            "took": pa.array(rng.integers(1, 90, 400) * 1_000_000, pa.duration("us")),
            "w": rng.uniform(1, 2, 400),
        }
    )
    text = check_page(page("statistics", hr.analyze(hr.Dataset.from_arrow(table, weight="w"), relations=True))).text
    assert "400 rows of 5 columns" in text and "and 2 inside of them" in text
    for words in ("list of text", "0 to 2, mean 1", "place.code", "AA-9999 in 100 %", "weighted mean"):
        assert words in text, words
    assert "Identifier: no two rows have the same value." in text
    assert "One peak, symmetric." in text
    assert "What goes together" in text and "All rows were looked at" in text


def test_a_sensitive_struct_shows_nothing_of_its_fields():
    """Fields of a sensitive column are as hidden as it is."""
    table = pa.table({"person": [{"name": SECRET}] * 9, "x": range(9)})
    text = check_page(page("statistics", hr.analyze(hr.Dataset.from_arrow(table, sensitive=["person"])))).text
    assert "person.name" in text and SECRET not in text
