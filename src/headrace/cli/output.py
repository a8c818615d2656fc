"""What commands print: a table for people or JSON for programs, on standard output."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["add_output", "ago", "write_json", "write_table"]

# Green, yellow, red, by state; the word is always there too.
_COLOURS = {
    "succeeded": 32,
    "cached": 32,
    "looked up": 32,
    "running": 34,
    "queued": 34,
    "rejected": 33,
    "no": 33,
    "blocked": 33,
    "cut off": 33,
    "failed": 31,
    "lost": 31,
}


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add `-o table|json`."""
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print (table)")


def write_json(value: Any) -> None:
    """Write one JSON document, never coloured."""
    sys.stdout.write(json.dumps(_strict(value), indent=2, allow_nan=False) + "\n")


def _strict(value: Any) -> Any:
    """The same without NaN and infinities, which JSON lacks: null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value


def write_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows in aligned columns, with a heading; states are coloured on a terminal unless NO_COLOR is set."""
    texts = [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *texts, strict=True)]
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines = ["  ".join(name.upper().ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()]
    for row in texts:
        cells = []
        for text, width in zip(row, widths, strict=True):
            cell = text.ljust(width)
            colour = _COLOURS.get(text)
            cells.append(f"\x1b[{colour}m{cell}\x1b[0m" if coloured and colour else cell)
        lines.append("  ".join(cells).rstrip())
    sys.stdout.write("\n".join(lines) + "\n")


def ago(time_us: int) -> str:
    """How long ago a moment (UTC epoch microseconds) was, in one unit.

    >>> ago(time.time_ns() // 1000 - 90_000_000)
    '90 s ago'
    """
    seconds = max(0, time.time_ns() // 1000 - time_us) / 1e6
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
