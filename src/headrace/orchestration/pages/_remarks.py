"""Remarks: what a careful reader of statistics would notice, each thing once, with the columns it is true of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headrace.fold import GroupDistribution
from headrace.report import Content, Html, name, tag
from headrace.report.figures import count, figure, plural, share
from headrace.statistics import FeatureStatistics

__all__ = ["remarks", "share_missing"]

_MOST_NAMED = 12
_FEW = 100  # rows of which nothing is concluded
_MUCH_MISSING = 0.01
_SHIFTED = 0.15
_SKEWED = 8.0


@dataclass(frozen=True)
class _Remark:
    """What it is, (column, figure) where it is so, and how to read the figure."""

    title: str
    columns: Sequence[tuple[str, str]]
    note: str = ""


def remarks(ones: Sequence[FeatureStatistics], shifts: Mapping[str, float], *, newest: str) -> Html | None:
    """The list, the gravest first; None where there is nothing to say.

    Parameters
    ----------
    ones : sequence of FeatureStatistics
        All columns.
    shifts : mapping of str to float
        How far the newest span lies from those before it, 0..1, by column.
    newest : str
        That span's name.
    """
    found = [*_of_spans(shifts, newest), *_of_columns(ones)]
    shown = [_listed(remark) for remark in found if remark.columns]
    return tag("ul", shown, class_="list") if shown else None


def share_missing(found: GroupDistribution | FeatureStatistics) -> float:
    """Nulls of all rows, 0..1; 0 of no rows."""
    return found.num_missing / found.num_rows if found.num_rows else 0.0


def _of_spans(shifts: Mapping[str, float], newest: str) -> Iterator[_Remark]:
    moved = sorted((-much, column) for column, much in shifts.items() if much >= _SHIFTED)
    note = "the share of its rows that would have to change to look like the spans before"
    yield _Remark(f"Moved in {newest}", [(column, share(-much)) for much, column in moved], note)


def _of_columns(ones: Sequence[FeatureStatistics]) -> Iterator[_Remark]:
    yield _Remark("Nothing but nulls", [(one.name, "") for one in ones if one.num_rows and not one.num_present])
    lacking = [one for one in ones if one.num_present and share_missing(one) >= _MUCH_MISSING]
    lacking.sort(key=share_missing, reverse=True)
    yield _Remark("Missing", [(one.name, share(share_missing(one))) for one in lacking])
    odd = [(one.name, (one.num_nan or 0) + (one.num_infinite or 0)) for one in ones]
    yield _Remark("NaN or infinite", [(column, plural(number, "row")) for column, number in odd if number])
    invalid = [one for one in ones if one.num_invalid_utf8]
    yield _Remark("Not UTF-8", [(one.name, plural(one.num_invalid_utf8 or 0, "row")) for one in invalid])
    same = [one for one in ones if one.num_distinct == 1 and one.num_present]
    yield _Remark("Always the same value", [(one.name, "") for one in same])
    keys = [(one.name, "") for one in ones if _names_rows(one)]
    yield _Remark("Hardly any value twice", keys, "nothing can be learnt from it")
    tailed = [(one.name, one.skewness or 0.0) for one in ones if one.type in ("integer", "number")]
    long = [(column, value) for column, value in tailed if abs(value) > _SKEWED]
    said = [(column, f"{'above' if value > 0 else 'below'}, {figure(value, 3)}") for column, value in long]
    yield _Remark("Long tail", said, "the figure is the skewness")


def _names_rows(one: FeatureStatistics) -> bool:
    may = one.type in ("text", "integer") and one.num_present > _FEW
    return may and (one.num_distinct or 0) >= 0.99 * one.num_present


def _listed(remark: _Remark) -> Html:
    named: list[Content] = []
    for index, (column, words) in enumerate(remark.columns[:_MOST_NAMED]):
        named += [", " if index else "", name(column, longest=60)]
        named.append(tag("span", f" {words}", class_="quiet") if words else "")
    more = len(remark.columns) - _MOST_NAMED
    note = tag("span", f" ({remark.note})", class_="quiet") if remark.note else ""
    return tag("li", tag("b", remark.title), note, ": ", named, f" and {count(more)} more" if more > 0 else "")
