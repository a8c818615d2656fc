"""The page of a schema: what every column must look like, in one table."""

from __future__ import annotations

from collections import Counter

from headrace.report import Cell, Column, Content, Context, Page, Report, Row, Section, meter, name, table, tag
from headrace.report.figures import NOTHING, count, figure, moment, plural, share
from headrace.schema import Feature
from headrace.schema import Schema as Noun

__all__ = ["Schema"]

_MOST_VALUES = 12


class Schema(Page):
    """Kinds, presence, ranges and domains."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        kinds = Counter(feature.kind for feature in noun.features)
        listed = ", ".join(
            f"{count(number)} {kind}" for kind, number in sorted(kinds.items(), key=lambda x: (-x[1], x[0]))
        )
        never = sum(feature.min_present == 1.0 for feature in noun.features)
        headline = (
            f"{plural(len(noun.features), 'column is', 'columns are')} described; {count(never)} may never be null"
        )
        return Report(
            "schema",
            context.name_of(noun),
            headline,
            lead=listed or None,
            facts={
                "Columns": count(len(noun.features)),
                "Never null": count(never),
                "With a range": count(sum(f.min is not None or f.max is not None for f in noun.features)),
                "With a domain": count(sum(f.domain is not None for f in noun.features)),
                "Environments": ", ".join(noun.environments),
            },
            sections=(Section("Columns", _features(noun), is_brief=True),),
        )


def _features(noun: Noun) -> Content:
    columns = [Column("Column"), Column("Kind"), Column("Present at least", "num"), Column("", "chart")]
    columns += [Column("From", "num"), Column("To", "num"), Column("Values it may take"), Column("Notes")]
    rows: list[Row] = []
    for feature in noun.features:
        text = moment if feature.kind == "timestamp" else figure
        limits = [Cell(NOTHING if limit is None else text(limit), limit) for limit in (feature.min, feature.max)]
        drawn = meter(f"{feature.name}: present in at least {share(feature.min_present)}", feature.min_present)
        present = Cell(share(feature.min_present), feature.min_present)
        rows.append([name(feature.name), feature.kind, present, drawn, *limits, _domain(feature), _notes(feature)])
    if all(feature.min is None and feature.max is None for feature in noun.features):
        columns, rows = columns[:4] + columns[6:], [[*row[:4], *row[6:]] for row in rows]
    return table(f"{plural(len(rows), 'column')}, in the order of the data", columns, rows)


def _domain(feature: Feature) -> Content:
    if feature.domain is None:
        return tag("span", "any" if feature.kind == "text" else "", class_="quiet")
    shown: list[Content] = []
    for index, value in enumerate(feature.domain[:_MOST_VALUES]):
        shown += [", " if index else "", name(value, longest=40)]
    more = len(feature.domain) - _MOST_VALUES
    return [*shown, tag("span", f" and {count(more)} more", class_="quiet")] if more > 0 else shown


def _notes(feature: Feature) -> str:
    notes = [] if feature.allow_nan else ["no NaN"]
    if feature.not_in:
        notes.append(f"absent in {', '.join(feature.not_in)}")
    return "; ".join(notes)
