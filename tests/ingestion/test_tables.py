"""What the sources of tables do alike."""

from __future__ import annotations

import pytest

from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion.tables import check_columns, check_table, locate, plan_table, query_text, span_of


def test_a_locator_says_all_and_is_read_back() -> None:
    """Places and spans of any characters come back; a path that holds a # is no locator of ours."""
    for place in ("/data/a b#c.db", "postgresql://u@h:5/d?x=1&y=#2", "p.d.t"):
        assert span_of(locate(place, table="t", query=None, columns=["a", "b"], span="2013-01")) == (place, "2013-01")
    assert span_of("/data/a#b.db") == ("/data/a#b.db", None)
    assert span_of(locate("x", where="a = '#&span=no'", span="yes")) == ("x", "yes")


def test_spans_are_planned_in_natural_order_and_after_the_cursor() -> None:
    """2013-2 is before 2013-10; a cursor leaves out what is not after it; an unknown span is named."""
    counts = [("2013-10", "b", 2), ("2013-2", "a", 1), ("2013-2", "c", 3)]
    plan = plan_table("x", counts, "here", span_by="m", spans="all", cursor=None)
    assert [(item.span, item.fragment.locator) for item in plan.fragments] == [
        ("2013-2", "a"), ("2013-2", "c"), ("2013-10", "b")
    ]  # fmt: skip
    assert plan_table("x", counts, "here", span_by="m", spans="all", cursor=plan.next_cursor).fragments == ()
    with pytest.raises(UnknownName, match="no span named '2014'"):
        plan_table("x", counts, "here", span_by="m", spans="2014", cursor=None)


def test_what_is_no_span_is_refused() -> None:
    """Null, a text that is no name, and no rows at all: with the count, and what to do."""
    with pytest.raises(InvalidInput, match=r"7 rows are in no span: m is null \(here\); leave them out with where="):
        plan_table("x", [(None, "a", 7)], "here", span_by="m", spans="all", cursor=None)
    with pytest.raises(InvalidInput, match=r"2 rows give '1/2' as their span \(here, span_by m\)"):
        plan_table("x", [("1/2", "a", 2)], "here", span_by="m", spans="all", cursor=None)
    with pytest.raises(InvalidInput, match=r"no row found \(here\)"):
        plan_table("x", [], "here", span_by="m", spans="all", cursor=None)


def test_fields_are_checked_where_they_are_written() -> None:
    """One of table and query; columns once each; a query loses its semicolon, not its comment."""
    for table, query in ((None, None), ("t", "select 1")):
        with pytest.raises(Misuse, match="a table or a query, and not both"):
            check_table("X", table, query, {})
    with pytest.raises(InvalidInput, match=r"columns = \['a', 'a'\]"):
        check_table("X", "t", None, {"columns": ["a", "a"]})
    with pytest.raises(UnknownName, match="did you mean 'delay'"):
        check_columns(["delay"], ["dely"], "here")
    assert query_text("select 1 ; ") == "select 1\n"
