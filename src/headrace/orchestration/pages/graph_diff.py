"""The page of a difference between two transforms: what was fitted otherwise, and what that moves."""

from __future__ import annotations

from headrace.report import Cell, Column, Content, Context, Page, Report, Row, Section, meter, name, table, tag
from headrace.report.figures import count, figure, plural, share
from headrace.transformation import GraphDiff as Noun

__all__ = ["GraphDiff"]


class GraphDiff(Page):
    """Features that came and went, fitted values that moved, and the rows whose features do."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        sections = []
        changed = [(feature, "came", "") for feature in noun.came] + [(feature, "went", "") for feature in noun.went]
        rows: list[Row] = [[name(feature), what, ""] for feature, what, _ in changed]
        for feature, before, now in noun.rewritten:
            rows.append([name(feature), "computed otherwise", _expressions(before, now)])
        if rows:
            columns = [Column("Feature"), Column("What"), Column("Computed as")]
            sections.append(Section("Features", table("Of one transform only, or not the same", columns, rows)))
        if noun.fitted:
            sections.append(Section("Fitted to other values", _fitted(noun), is_brief=True))
        if noun.movements:
            note = "In the same rows, once by each transform."
            sections.append(Section("What moves", _moved(noun), note, is_brief=True))
        return Report("difference of transforms", "", _headline(noun), sections=tuple(sections))


def _headline(noun: Noun) -> str:
    if noun.is_empty:
        return "the transforms are equal"
    said = f"{plural(len(noun.fitted), 'fitted value')} moved"
    changed = len(noun.came) + len(noun.went) + len(noun.rewritten)
    said += f"; {plural(changed, 'feature')} came, went or changed" if changed else ""
    if noun.num_rows is not None:
        said += f"; {plural(len(noun.movements), 'column')} of the features moved in {plural(noun.num_rows, 'row')}"
    return said


def _expressions(before: str, now: str) -> Content:
    return [tag("div", tag("code", before[:400])), tag("div", tag("code", now[:400]))]


def _fitted(noun: Noun) -> Content:
    rows: list[Row] = [
        [
            tag("code", change.expression[:400]),
            change.what,
            change.words,
            Cell(meter(f"{change.what}: {share(change.share)}", change.share), change.share),
        ]
        for change in noun.fitted
    ]
    columns = [Column("Computed as"), Column("Fitted"), Column("Became"), Column("How much", "chart")]
    return table("What moved most comes first", columns, rows)


def _moved(noun: Noun) -> Content:
    rows: list[Row] = [
        [
            name(item.feature),
            Cell(figure(item.mean_before), item.mean_before),
            Cell(figure(item.mean_now), item.mean_now),
            Cell(figure(item.mean_move), item.mean_move),
            Cell(share(item.share), item.share),
            Cell(meter(f"{item.feature}: {share(item.share)} of the rows", item.share), item.share),
        ]
        for item in noun.movements
    ]
    columns = [
        Column("Feature"),
        Column("Mean before", "num"),
        Column("Mean now", "num"),
        Column("Mean size of the change", "num"),
        Column("Rows", "num", "of those looked at, the share in which the feature has another value"),
        Column("Share of rows", "chart"),
    ]
    return table(f"{count(noun.num_rows or 0)} rows", columns, rows)
