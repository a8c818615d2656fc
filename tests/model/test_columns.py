"""Input columns and lanes: where a column lies, and what may enter a model."""

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.model import InputColumn, Layout, columns_of, layout_of
from headrace.schema import Feature, Schema


def test_columns_keep_their_order_in_each_lane():
    """Integers, timestamps and booleans share a lane; only the nullable ones have a bit."""
    columns = [
        InputColumn("a", "timestamp"),
        InputColumn("b", "number"),
        InputColumn("c", "boolean", is_nullable=False),
        InputColumn("d", "text"),
        InputColumn("e", "integer"),
        InputColumn("f", "number", is_nullable=False),
    ]
    layout = layout_of(columns)
    assert layout == Layout(number=("b", "f"), integer=("a", "c", "e"), text=("d",), present=("a", "e"))
    assert layout.lanes == ("number", "integer", "text", "present")
    assert layout_of(columns[3:4]).lanes == ("text",)
    assert layout_of([]).lanes == ()


def test_what_cannot_enter_a_model_is_refused():
    """Kinds without a lane, and a name twice, are one clear error."""
    for kind in ("null", "other"):
        with pytest.raises(InvalidInput, match=f"{kind!r} cannot enter a model"):
            InputColumn("x", kind)
    with pytest.raises(InvalidInput, match="'x' appears twice"):
        layout_of([InputColumn("x", "number"), InputColumn("x", "text")])


def test_columns_take_types_presence_and_ranges_from_the_schema():
    """A feature that is always present is not nullable; ranges travel along."""
    features = (Feature("a", "number", min=0.0, max=2.5), Feature("b", "text", min_present=1.0), Feature("c", "other"))
    columns = columns_of(Schema(features), ["b", "a"])
    assert columns == (InputColumn("b", "text", is_nullable=False), InputColumn("a", "number", min=0.0, max=2.5))
    assert InputColumn(**columns[1].to_plain()) == columns[1]
    with pytest.raises(UnknownName, match="did you mean 'a'"):
        columns_of(Schema(features), ["aa"])
    with pytest.raises(InvalidInput, match="'other' cannot enter"):
        columns_of(Schema(features), ["c"])
