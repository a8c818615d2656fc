"""What the sources of tables do alike: cut a table into spans by its own values, and name a span of it as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import parse_qs, urlencode

from headrace.dataset import Fragment
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion._contract import Known, Piece, Plan, Planned
from headrace.ingestion.spans import SPAN, natural, select_spans

__all__ = ["Prints", "check_columns", "check_table", "locate", "plan_table", "query_text", "span_of", "whole_order"]


def check_table(
    kind: str, table: str | None, query: str | None, names: Mapping[str, str | Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """One table or one query, and lists of columns as tuples.

    Parameters
    ----------
    kind : str
        The source's class, for messages.
    table, query : str or None
        Exactly one of them; Misuse otherwise.
    names : mapping of str to str or sequence of str
        The source's fields that list columns, such as `columns`; InvalidInput for one that names a column twice.

    >>> check_table("DuckDB", "flights", None, {"order_by": "id"})
    {'order_by': ('id',)}
    """
    if (table is None) == (query is None):
        raise Misuse(
            f"{kind} needs a table or a query, and not both",
            expected=f'hr.{kind}(..., table="flights") or hr.{kind}(..., query="select ...")',
        )
    found = {}
    for field, value in names.items():
        listed = (value,) if isinstance(value, str) else tuple(value)
        if len(set(listed)) < len(listed) or not all(listed):
            raise InvalidInput(f"{field} = {list(listed)}", where=kind, expected="names of columns, each once")
        found[field] = listed
    return found


def locate(place: str, **parts: str | Sequence[str] | None) -> str:
    """A stretch of a database as text: where it is, and what of it; parts that are None or empty are left out.

    >>> locate("/data/flights.db", table="flights", span="2013-01", query=None)
    '/data/flights.db#table=flights&span=2013-01'
    """
    told = {name: part if isinstance(part, str) else ",".join(part) for name, part in parts.items() if part}
    return f"{place}#{urlencode(told)}" if told else place


def span_of(locator: str) -> tuple[str, str | None]:
    """The place and the span in a locator that `locate` made; None where there is no span in it.

    >>> span_of("/data/flights.db#table=flights&span=2013-01")
    ('/data/flights.db', '2013-01')
    """
    place, mark, rest = locator.rpartition("#")
    found = parse_qs(rest).get("span") if mark else None
    return (place, found[0]) if found else (place if mark and "=" in rest else locator, None)


def query_text(query: str) -> str:
    """A query as part of another: without its last semicolon, its last line ended.

    >>> query_text("select 1 -- one;  ")
    'select 1 -- one\\n'
    """
    return query.strip().rstrip(";").rstrip() + "\n"


def whole_order(names: Sequence[str], order_by: Sequence[str]) -> list[str]:
    """The columns by which rows are ordered: those named, then all others, so that only equal rows tie.

    >>> whole_order(["id", "x", "late"], ["late"])
    ['late', 'id', 'x']
    """
    return [*order_by, *(name for name in names if name not in order_by)]


def check_columns(known: Iterable[str], wanted: Iterable[str], where: str) -> None:
    """Raise UnknownName, with the nearest, for the first wanted column that there is not."""
    there = list(known)
    for name in wanted:
        if name not in there:
            raise UnknownName("column", name, there, where=where)


def plan_table(
    source: str,
    counts: Iterable[tuple[str | None, str, int]],
    where: str,
    *,
    span_by: str | None,
    spans: str | Sequence[str],
    cursor: str | None,
) -> Plan:
    """The chosen spans of a table after the cursor, each one fragment.

    One, because how many streams bring its rows must not be seen in them.

    Parameters
    ----------
    source : str
        Who reads them, for the fragments.
    counts : iterable of (span, locator, rows)
        What the table holds: a span's name as its rows give it, None for rows that give none. A span may be in several
        databases.
    where : str
        What to call the table in messages.
    span_by : str or None
        What rows are assigned to spans by; None where all are the span "all".
    spans, cursor
        As `plan_files` takes them.

    Raises InvalidInput, with the count, for rows without a span or with one that is no name, and when there are no
    rows; UnknownName for a span there is not.
    """
    found: dict[str, list[tuple[str, int]]] = {}
    for name, locator, rows in counts:
        if name is None:
            raise InvalidInput(
                f"{rows} rows are in no span: {span_by} is null", where=where, fix="leave them out with where="
            )
        if not re.fullmatch(SPAN, name):
            raise InvalidInput(
                f"{rows} rows give {name!r} as their span",
                where=f"{where}, span_by {span_by}",
                expected="letters, digits and _ . + -",
                fix="make a name of it in SQL",
            )
        found.setdefault(name, []).append((locator, rows))
    if not found:
        raise InvalidInput("no row found", where=where, expected="at least one row")
    names = sorted(found, key=natural)
    chosen = set(select_spans(names, spans))
    if cursor in names:
        chosen -= set(names[: names.index(cursor) + 1])
    planned = [
        Planned(name, Fragment(source, locator, rows))
        for name in names
        if name in chosen
        for locator, rows in found[name]
    ]
    return Plan(tuple(planned), planned[-1].span if planned else cursor)


class Prints:
    """What tells the rows of a table's spans from any others, kept for the table looked at last.

    A look at one span asks for all spans of the table together, where a mark says that they have not changed since;
    without a mark each look asks for its own.
    """

    def __init__(self) -> None:
        self._marked: tuple[str, str] | None = None
        self._prints: Mapping[str, str] = {}

    def look(
        self,
        fragment: Fragment,
        span: str,
        mark: str,
        known: Known,
        *,
        table: str,
        where: str,
        ask: Callable[[str | None], Mapping[str, str]],
    ) -> Piece:
        """A fragment as it is.

        Parameters
        ----------
        fragment, span, known
            What is looked at, the span it is, and the pieces that were looked at before.
        mark : str
            Of the table; "" where nothing tells cheaply that it has not changed.
        table : str
            The locator of the whole table.
        where : str
            What to call it in messages.
        ask : callable
            The prints of the spans there are, from one, or from None for all.

        Raises InvalidInput where the span has no rows any more. Cost: where the mark is not known, that of `ask`.
        """
        identity = known.get((fragment.locator, mark)) if mark else None
        if identity is None:
            if not mark:
                prints = ask(span)
            elif self._marked == (table, mark):
                prints = self._prints
            else:
                prints = ask(None)
                self._marked, self._prints = (table, mark), prints
            identity = prints.get(span)
        if identity is None:
            raise InvalidInput("its rows are gone", where=where, fix="bring them back, or plan a new run")
        return Piece(fragment.locator, mark, identity)
