"""The page of a span: rows that came in together, before they have roles."""

from __future__ import annotations

from headrace.ingestion import WrittenSpan
from headrace.report import Cell, Column, Context, Page, Report, Row, Section, name, table, tag
from headrace.report.figures import count, plural
from headrace.schema import kind_of

__all__ = ["Span"]


class Span(Page):
    """Files, rows and columns."""

    def report(self, noun: WrittenSpan, context: Context) -> Report:
        """The page."""
        columns: list[Row] = [
            [name(item.name), kind_of(item.type), tag("code", str(item.type))] for item in noun.arrow_schema
        ]
        files: list[Row] = [[f"file {index}", Cell(count(rows), rows)] for index, rows in enumerate(noun.rows)]
        heads = [Column("Column"), Column("Kind"), Column("Arrow type")]
        return Report(
            "span",
            context.name_of(noun),
            f"{plural(noun.num_rows, 'row')} of {plural(len(columns), 'column')} in {plural(len(files), 'file')}",
            facts={"Rows": count(noun.num_rows), "Columns": count(len(columns)), "Files": count(len(files))},
            sections=(
                Section("Columns", table(plural(len(columns), "column"), heads, columns)),
                Section("Files", table("Rows by file", [Column("File"), Column("Rows", "num")], files)),
            ),
        )
