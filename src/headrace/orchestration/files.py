"""Where a row lies in the files that a person delivered: data sets know only the files that they were written to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.validation import Item

__all__ = ["Files"]


@dataclass(frozen=True)
class Files:
    """The files behind an ingest step.

    Parameters
    ----------
    resolved : mapping of str to mapping
        What the run resolved, by step.
    stream : str or None
        The ingest step; None = not known.
    """

    resolved: Mapping[str, Any]
    stream: str | None

    def place(self, item: Item) -> str:
        """ ": row 375 of penguins.csv, line 377" for the first row of a finding; "" where there is none, or no file.

        The line is told of a CSV in which that line does hold the value. Cost: reading the file up to the line.
        """
        if not item.rows:
            return ""
        row = item.rows[0]
        span = self.resolved.get(f"{self.stream}[{row.span}]", {}).get("span")
        stem = Path(row.file).stem
        if span is None or not stem.isdecimal() or int(stem) >= len(span["files"]):
            return ""
        path = Path(span["files"][int(stem)][0])
        line = "" if row.value is None else _line(path, row.row_index, str(row.value))
        return f" ({path.name}, row {row.row_index}{line})"


def _line(path: Path, row_index: int, value: str) -> str:
    """The number of the line, where each row is one line below a header; "" where that cannot be seen."""
    if path.suffix not in (".csv", ".tsv") or not path.is_file():
        return ""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        (text,) = list(itertools.islice(file, row_index + 1, row_index + 2)) or [""]
    return f", line {row_index + 2}" if value and value in text else ""
