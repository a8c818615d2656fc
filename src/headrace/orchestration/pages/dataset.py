"""The page of a data set: which rows there are, by span and split, and what the columns mean."""

from __future__ import annotations

from headrace.dataset import Dataset as Noun
from headrace.report import Cell, Column, Content, Context, Html, Page, Report, Row, Section, meter, name, table, tag
from headrace.report.figures import count, plural, share
from headrace.schema import kind_of

__all__ = ["Dataset"]

_MOST_COLUMNS = 1000


class Dataset(Page):
    """Spans, splits, roles and columns; values of rows are not on it."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page. Cost: what the manifest knows; the digest, if it was never asked for, reads every row."""
        spans = noun.spans
        columns = noun.column_names
        where = f" in {plural(len(spans), 'span')}, {spans[0].name} to {spans[-1].name}" if len(spans) > 1 else ""
        uneven = noun.uneven_columns
        headline = f"{plural(noun.num_rows, 'row')} of {plural(len(columns), 'column')}{where}"
        if uneven:
            headline += f"; spans differ in {plural(len(uneven), 'column')}"
        sections = [Section("Spans", _spans(noun, context), is_brief=len(spans) > 1)]
        sections.append(Section("Columns", _columns(noun), is_brief=True))
        facts: dict[str, Content] = {"Rows": count(noun.num_rows), "Columns": count(len(columns))}
        if len(spans) > 1:
            facts["Spans"] = count(len(spans))
        if noun.split:
            total = sum(noun.split.values())
            facts["Split"] = [tag("span", f"{split} {share(weight / total)} ") for split, weight in noun.split.items()]
        if noun.roles.label:
            facts["Label"] = [name(noun.roles.label, longest=40), _positive(noun)]
        return Report(
            "dataset",
            context.name_of(noun),
            headline,
            tone="warn" if uneven else "plain",
            word="uneven" if uneven else "",
            lead=_lead(noun),
            facts=facts,
            sections=tuple(sections),
        )


def _positive(noun: Noun) -> Content:
    positive = noun.roles.positive
    return None if positive is None else tag("small", "1 where it is ", name(str(positive), longest=40))


def _lead(noun: Noun) -> Content:
    key = noun.roles.key
    named = [[", " if index else "", name(column, longest=60)] for index, column in enumerate(key)]
    parts: list[Content] = ["A row is named by ", named, ". "] if key else []
    if noun.schema is not None:
        parts.append(f"It carries the schema it passed, of {plural(len(noun.schema.features), 'column')}.")
    return parts or None


def _spans(noun: Noun, context: Context) -> Html:
    splits = [split for split in noun.split_names if split is not None]
    known = noun.known_summary.rows
    totals = [noun.select_spans([span.name]).num_rows for span in noun.spans]
    largest = max(totals, default=0) or 1
    columns = [
        Column("Span"),
        Column("Rows", "num"),
        Column("", "chart"),
        Column("Files", "num"),
        Column("Version", "num"),
    ]
    columns += [Column(split, "num") for split in splits]
    columns.append(Column("Columns", "num"))
    rows: list[Row] = []
    for span, total in zip(noun.spans, totals, strict=True):
        row: list[Content | Cell] = [span.name, Cell(count(total), total)]
        row.append(meter(f"{span.name}: {count(total)} rows", total / largest))
        row += [Cell(count(number), number) for number in (len(span.fragments), span.version)]
        for split in splits:
            found = known.get(f"{span.name}/{split}")
            row.append(Cell("not counted", None) if found is None else Cell(count(sum(found)), sum(found)))
        row.append(Cell(count(len(span.arrow_schema)), len(span.arrow_schema)))
        rows.append(row)
    return table("Rows by span" + (" and split" if splits else ""), columns, rows)


def _columns(noun: Noun) -> Html:
    uneven = noun.uneven_columns
    types: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for span in noun.spans:
        for field in span.arrow_schema:
            types.setdefault(field.name, str(field.type))
            kinds.setdefault(field.name, kind_of(field.type))
    rows: list[Row] = []
    for column in noun.column_names:
        differs: Content = ""
        if column in uneven:
            said = [f"{span}: {'missing' if kind is None else kind}" for span, kind in uneven[column].items()]
            differs = tag("span", "; ".join(said)[:300], class_="warn")
        rows.append([name(column), kinds[column], tag("code", types[column]), _role(noun, column), differs])
    columns = [Column("Column"), Column("Kind"), Column("Arrow type"), Column("Role"), Column("Where spans differ")]
    if not uneven:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return table(plural(len(rows), "column"), columns, rows, most_rows=_MOST_COLUMNS)


def _role(noun: Noun, column: str) -> str:
    roles = noun.roles
    words = [word for word in ("label", "weight", "time") if getattr(roles, word) == column]
    return ", ".join([*words, *(word for word in ("key", "sensitive") if column in getattr(roles, word))])
