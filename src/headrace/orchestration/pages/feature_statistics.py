"""The page of one feature's statistics: what a notebook shows for `statistics["delay"]`."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.orchestration.pages._feature import figures_of
from headrace.report import Cell, Column, Content, Context, Page, Report, Row, Section, bars, histogram, table, tag
from headrace.report.figures import count, figure, moment, plural, share
from headrace.statistics import FeatureStatistics as Noun

__all__ = ["FeatureStatistics"]


class FeatureStatistics(Page):
    """Its histogram or most frequent values, and every figure it has."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        lack = noun.num_missing / noun.num_rows if noun.num_rows else 0.0
        gaps = f"missing in {share(lack)} of them" if lack else "never missing"
        sections = [Section("Values", tag("div", _drawn(noun), figures_of(noun), class_="tile"), is_brief=True)]
        if noun.outline is not None:
            sections.append(Section("Shape", _shape(noun)))
        if noun.top_values:
            sections.append(Section("Most frequent", _top(noun)))
        if noun.patterns:
            words = "Digits are 9, small letters a, capitals A; a + stands for a run of any length."
            sections.append(Section("Patterns", _counted(noun.patterns, "Pattern"), words))
        if noun.length_histogram:
            lengths = [
                (f"{low} to {high}" if low < high else str(low), rows) for low, high, rows in noun.length_histogram
            ]
            unit = "bytes" if (noun.value_type or noun.type) == "binary" else "characters"
            sections.append(Section("Lengths", _counted(lengths, f"Length in {unit}")))
        if noun.values_histogram:
            ranges = [(f"{figure(low)} to {figure(high)}", number) for low, high, number in noun.values_histogram]
            sections.append(Section("Values in a row", _counted(ranges, "Values")))
        return Report(
            "feature statistics",
            "",
            f"{noun.name[:60]}: {noun.type}, in {plural(noun.num_rows, 'row')}, {gaps}",
            sections=tuple(sections),
        )


def _drawn(noun: Noun) -> Content:
    title = f"{noun.name}: how its values are spread"
    if noun.top_values:
        shares = [(value or "(empty)", number / max(1, noun.num_present), ()) for value, number in noun.top_values[:8]]
        return bars(title, shares)
    if not noun.histogram:
        return None
    edges = [noun.histogram[0][0], *(high for _, high, _ in noun.histogram)]
    if len(edges) == 2 and edges[0] == edges[1]:
        edges = [edges[0] - 0.5, edges[1] + 0.5]
    total = sum(number for _, _, number in noun.histogram) or 1
    shares_ = [number / total for _, _, number in noun.histogram]
    text = (lambda value: moment(value)[:10]) if noun.type == "timestamp" else figure
    at = [edges[0], edges[-1]] if noun.type == "timestamp" else None
    return histogram(title, edges, shares_, text=text, at=at)


def _top(noun: Noun) -> Content:
    rows: list[Row] = [
        [value, Cell(count(number), number), Cell(share(number / max(1, noun.num_present)), number)]
        for value, number in noun.top_values
    ]
    return table(
        "Of the rows that have a value", [Column("Value"), Column("Rows", "num"), Column("Share", "num")], rows
    )


def _counted(pairs: Sequence[tuple[str, float]], word: str) -> Content:
    """What was counted, in its order."""
    total = sum(number for _, number in pairs) or 1
    rows: list[Row] = [
        [text or "(empty)", Cell(count(number), number), Cell(share(number / total), number)] for text, number in pairs
    ]
    return table(f"{word} and rows", [Column(word), Column("Rows", "num"), Column("Share", "num")], rows)


def _shape(noun: Noun) -> Content:
    """Peaks, symmetry and tails, in words."""
    outline = noun.outline
    assert outline is not None
    at = ", ".join(moment(peak)[:10] if noun.type == "timestamp" else figure(peak) for peak in outline.peaks)
    beyond = f"{share(outline.share_beyond_3_sd)} of values lie more than three standard deviations from the mean"
    return tag("p", f"{outline.words.capitalize()}; highest at {at}. {beyond} (0.27 % of a normal distribution).")
