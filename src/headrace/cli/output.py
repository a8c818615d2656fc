"""What commands print: a table for people or JSON for programs, on standard output."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from headrace import progress
from headrace.progress import width_of

if TYPE_CHECKING:
    import argparse

__all__ = ["add_output", "ago", "is_coloured", "size", "write_json", "write_json_line", "write_table"]

# Green, cyan, yellow, red, by state; the word is always there too.
_COLOURS = {
    "succeeded": 32,
    "cached": 32,
    "looked up": 32,
    "ok": 32,
    "running": 34,
    "queued": 34,
    "rejected": 33,
    "no": 33,
    "blocked": 33,
    "waiting": 33,
    "skipped": 36,
    "cut off": 33,
    "warn": 33,
    "failed": 31,
    "fail": 31,
    "lost": 31,
}
_GAP = 2
_NARROWEST = 8  # a column is not cut further


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add `-o table|json`."""
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print (table)")


def is_coloured(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream: on a terminal, unless NO_COLOR; anywhere with CLICOLOR_FORCE.

    Source: no-color.org, bixense.com/clicolors, force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "0") != "0" for name in ("CLICOLOR_FORCE", "FORCE_COLOR")):
        return True
    return progress.is_terminal(stream)


def write_json_line(value: Any) -> None:
    """Write one JSON document as a line, at once: for who follows a command that goes on."""
    import json

    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def write_json(value: Any) -> None:
    """Write one JSON document, never coloured."""
    import json

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


def write_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, heading: bool = True, wraps: Sequence[str] = ()
) -> None:
    """Write rows in aligned columns, with a heading: numbers to the right, and on a terminal no line too wide for it.

    A column is one of numbers when all its values are, or are written like one ("1,024", "0.50"). What does not fit a
    terminal is cut, the widest column first, and ends in an ellipsis, or, in the columns named by `wraps`, goes on
    below; a file or a pipe gets all of it in one line.
    """
    texts = [[_text(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(columns, *texts, strict=True)]
    is_number = [_are_numbers([line[place] for line in texts]) for place in range(len(columns))]
    widths = _fitted(widths, progress.columns(sys.stdout))
    coloured = is_coloured(sys.stdout)
    lines = []
    for line in [*([[name.upper() for name in columns]] if heading else []), *texts]:
        pieces = [
            _wrapped(text, width) if name in wraps else [progress.cut(text, width, sys.stdout)]
            for text, width, name in zip(line, widths, columns, strict=True)
        ]
        for number in range(max(map(len, pieces))):
            cells = []
            for text, several, width, right in zip(line, pieces, widths, is_number, strict=True):
                shown = several[number] if number < len(several) else ""
                pad = " " * (width - width_of(shown))
                cell = pad + shown if right else shown + pad
                colour = _COLOURS.get(text) if shown else None
                cells.append(f"\x1b[{colour}m{cell}\x1b[0m" if coloured and colour else cell)
            lines.append((" " * _GAP).join(cells).rstrip())
    sys.stdout.write("\n".join(lines) + "\n")


def _text(value: Any) -> str:
    """A value in one line: a name with a line break or an escape in it must not draw on the terminal."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _are_numbers(texts: Sequence[str]) -> bool:
    filled = [text for text in texts if text]
    return bool(filled) and all(_is_number(text) for text in filled)


def _is_number(text: str) -> bool:
    bare = text.removesuffix(" B").removesuffix(" kB").removesuffix(" MB").removesuffix(" GB")
    try:
        float(bare.replace(",", ""))
    except ValueError:
        return False
    return bare[:1] in "0123456789+-."  # neither "nan" nor "infinity" nor, by chance, a digest of digits and an e


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of a width; commands and paths stay whole, to be copied."""
    if width_of(text) <= width:
        return [text]
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _fitted(widths: list[int], limit: int) -> list[int]:
    """The widths, the widest made narrower until all fit into `limit` cells; 0 = any width."""
    widths = list(widths)
    while limit and sum(widths) + _GAP * (len(widths) - 1) >= limit and max(widths, default=0) > _NARROWEST:
        widest = max(range(len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def size(size_bytes: int) -> str:
    """A size for people, in one unit of 1000.

    >>> size(312), size(4_300_000)
    ('312 B', '4.3 MB')
    """
    value, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def ago(time_us: int) -> str:
    """How long ago a moment (UTC epoch microseconds) was, in one unit.

    >>> ago(time.time_ns() // 1000 - 90_000_000)
    '90 s ago'
    """
    seconds = max(0, time.time_ns() // 1000 - time_us) / 1e6
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
