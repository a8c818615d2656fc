"""Markup: whatever a user's data says, it is shown and never obeyed."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.report import name, tag
from tests.report.looked_at import tree

HOSTILE = [
    "<script>alert(1)</script>",
    '" onload="x',
    "'><img src=x>",
    "a&amp;b",
    "</title>",
    "a\u202eb",
    "\x00",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_escaped(text):
    """No text makes an element or an attribute, in content or in an attribute's value."""
    made = str(tag("p", text, title=text))
    (element,) = tree(made).children
    assert (element.name, element.children, set(element.attributes)) == ("p", [], {"title"})
    assert "\u202e" not in made and "\x00" not in made and "\ud800" not in made


@settings(deadline=None)
@given(st.text())
def test_what_is_shown_is_what_was_said(text):
    """Every text comes back, but for what no page can hold, which is written out."""
    (element,) = tree(str(tag("p", text))).children
    assert element.text == html.unescape(html.escape(str(element.text)))
    if text.isprintable() and text.isascii():
        assert element.text == text


def test_a_name_is_cut_and_whole_in_its_title():
    """A very long name does not break a page, and can be read all the same."""
    (element,) = tree(str(name("x" * 500))).children
    assert len(element.text) == 120 and element.attributes["title"] == "x" * 500
    assert tree(str(name(""))).text == "(empty)"


def test_right_to_left_names_are_set_apart():
    """What stands beside a Hebrew name stays where it is."""
    (element,) = tree(str(name("\u05e9\u05dc\u05d5\u05dd"))).children
    assert element.name == "bdi"


def test_attributes():
    """None and False leave one out; underscores are hyphens; lengths are tenths of a pixel."""
    made = str(tag("rect", x=1.234, y=-0.01, stroke_width=2, hidden=True, class_=None, fill=False))
    assert made == '<rect x="1.2" y="0" stroke-width="2" hidden></rect>'
