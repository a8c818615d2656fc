"""The page of a table that a step returned: its shape and its first rows."""

from __future__ import annotations

from typing import Any

from headrace.orchestration.values import TableFile
from headrace.report import Column, Content, Context, Page, Report, Row, Section, name, table, tag
from headrace.report.figures import count, figure, plural

__all__ = ["Table"]

_ROWS, _COLUMNS = 50, 40


class Table(Page):
    """Columns, types and the first fifty rows."""

    def report(self, noun: Any, context: Context) -> Report:
        """The page of an Arrow table or of the artifact that holds it."""
        file = noun if isinstance(noun, TableFile) else TableFile(noun)
        whole = file.value
        names = whole.column_names[:_COLUMNS]
        numbers = [whole.schema.field(place).type for place in range(len(names))]
        columns = [Column("Row", "num"), *(Column(item) for item in names)]
        head = whole.slice(0, _ROWS)
        values = [head.column(place).to_pylist() for place in range(len(names))]
        rows: list[Row] = [[str(at), *(_shown(column[at]) for column in values)] for at in range(head.num_rows)]
        left_out = whole.num_columns - len(names)
        note = f"{plural(left_out, 'column is', 'columns are')} left out. " if left_out > 0 else ""
        types = ", ".join(f"{item}: {kind}" for item, kind in zip(names, numbers, strict=True))
        return Report(
            "table",
            file.digest,
            f"{plural(whole.num_rows, 'row')} of {plural(whole.num_columns, 'column')}",
            facts={"Rows": count(whole.num_rows), "Columns": count(whole.num_columns)},
            sections=(
                Section(
                    "First rows", table(f"The first {len(rows)}, counted from 0", columns, rows), note, is_brief=True
                ),
                Section("Types", tag("p", name(types, longest=4000))),
            ),
        )


def _shown(value: Any) -> Content:
    if value is None:
        return tag("span", "null", class_="quiet")
    if isinstance(value, (bool, int, float)):
        return figure(value, 6)
    return name(str(value), longest=80)
