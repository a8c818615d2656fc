"""Drawings: every chart on ordinary data, on none, on one value, and on values a float barely holds."""

import pytest

from headrace.report import (
    Box,
    Cell,
    Column,
    Curve,
    Dot,
    bars,
    curves,
    diagram,
    dot,
    histogram,
    meter,
    strip,
    table,
    timeline,
)
from headrace.report.drawing import Scale, ticks
from headrace.report.histogram import spark
from tests.report.looked_at import check_card

LONG = "a name that is much longer than any drawing has room for, by far"


@pytest.mark.parametrize(
    "made",
    [
        histogram("h", [0.0, 1.0, 2.0], [0.4, 0.6], [("s", "accent", [0.1, 0.9])], marks=[(1.0, "here")]),
        histogram("h", [-1e308, 1e308], [1.0]),
        histogram("h", [5e-324, 1e-323], [0.0]),
        spark("s", []),
        spark("s", [0.1, 0.9]),
        bars("b", [(LONG, 0.5, [("s", "accent", 0.7)]), ("", 0.0, ())]),
        bars("b", []),
        meter("m", 0.0),
        meter("m", 1e-9),
        strip("s", []),
        strip("s", [("a", 2.0, "all"), ("b", -1.0, "none")]),
        curves("c", [Curve("one", "accent", [(0.0, 0.0), (1.0, 1.0)])], across=(0, 1), up=(0, 1), labels=("x", "y")),
        curves("c", [Curve("one", "accent", [], is_dots=True)], across=(0, 0), up=(1, 1), labels=("x", "y")),
        dot("d", Dot(0.5, 0.4, 0.6, other=0.7, line=0.2, limit=0.3, is_bad=True), (0.0, 1.0)),
        dot("d", Dot(None), (0.0, 1.0)),
        dot("d", Dot(9.0), (0.0, 1.0)),
        timeline("t", [(LONG, 0.0, 0.0, "accent-fill"), ("b", 1.0, 2.0, "bad-fill")]),
        timeline("t", []),
        diagram("g", {}),
    ],
)
def test_every_drawing_keeps_the_promises(made):
    """A name, no number that is none, no style, nothing loaded."""
    check_card(str(made))


def test_ticks_are_round_and_inside():
    """From 1 to 12 round values in any range; the value itself where there is no range."""
    for low, high in [(0, 1), (-43, 137), (1e-9, 2e-9), (-1e300, 1e300), (0.1, 0.1000001), (1e15, 1e15 + 4)]:
        found = ticks(low, high)
        assert 1 <= len(found) <= 12 and all(
            low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found
        )
    assert ticks(3.0, 3.0) == [3.0]
    assert ticks(float("nan"), 1.0) == []


def test_a_scale_stays_on_the_paper():
    """Values outside lie at the ends; a scale of one value is its middle."""
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 99)] == [100, 100, 150, 200]
    assert Scale(3, 3, 100, 200)(3) == 150


def test_a_diagram_puts_everything_behind_what_it_needs():
    """Boxes never lie before what they need, nor over one another; the same graph is drawn the same."""
    boxes = {
        "a": Box(("a",)),
        "b": Box(("b", "second line"), ("a",), "box-good"),
        "c": Box((LONG,), ("a", "b"), href="#x"),
        "d": Box(("d",), ("c", "a", "not there")),
        "alone": Box(("alone",)),
    }
    made = str(diagram("g", boxes, ends_together=True))
    assert made == str(diagram("g", dict(boxes), ends_together=True))
    root = check_card(made)
    rects = [{key: float(item.attributes[key]) for key in ("x", "y", "width", "height")} for item in root.all("rect")]
    assert rects[0]["x"] < rects[1]["x"] < rects[2]["x"] < rects[3]["x"]
    for index, one in enumerate(rects):
        for other in rects[index + 1 :]:
            apart_x = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            apart_y = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
            assert apart_x or apart_y
    assert len([item for item in root.all("path") if "edge" in item.classes]) == 5


def test_a_long_chain_is_drawn_downwards():
    """What would be wider than a page is drawn from top to bottom."""
    boxes = {str(at): Box((f"step number {at}",), (str(at - 1),) if at else ()) for at in range(20)}
    (svg,) = check_card(str(diagram("g", boxes))).all("svg")
    assert float(svg.attributes["width"]) < 300 < float(svg.attributes["height"])


def test_a_table_is_cut_and_says_so():
    """Rows beyond the limit are counted; figures carry the number they are sorted by."""
    rows = [[f"row {at}", Cell(f"{at} %", at)] for at in range(10)]
    root = check_card(str(table("t", [Column("a"), Column("b", "num")], rows, most_rows=6)))
    assert len(list(root.all("tr"))) == 7 and "4 more rows are left out here" in root.text
    assert [item.attributes.get("data-value") for item in root.all("td")][:2] == ["0.0", "1.0"]
    none = check_card(str(table("t", [Column("a"), Column("b", "num")], [["x", Cell("NaN", float("nan"))]])))
    assert next(none.all("td")).attributes["data-value"] == ""
