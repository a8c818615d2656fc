"""Progress: a bar on a terminal, one line per change otherwise; always on standard error, never on standard output.

Work that may take over two seconds wraps its iteration in `track`. Nothing is drawn before the first half second, so
quick work stays silent.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TextIO, TypeVar

__all__ = ["columns", "is_terminal", "say", "speak_of", "track"]

Item = TypeVar("Item")


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a stream (standard error by default) is a terminal that a person looks at."""
    stream = sys.stderr if stream is None else stream
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def columns(stream: TextIO | None = None) -> int:
    """How wide the terminal is that a person reads this stream on, in characters; 0 for a file or a pipe."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else 0


_subject: ContextVar[str] = ContextVar("headrace_subject", default="")


def speak_of(subject: str) -> None:
    """Begin all lines of this thread with `subject: `, where several things are told of at once."""
    _subject.set(f"{subject}: ")


def say(line: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{_subject.get()}{line}\n")
    sys.stderr.flush()


def track(items: Iterable[Item], what: str, *, total: int | None = None, unit: str = "items") -> Iterator[Item]:
    """Yield the items; on a terminal draw `what`, the count, the rate and the time left.

    Parameters
    ----------
    items : iterable
        Passed on unchanged.
    what : str
        What is being done, in a word or two.
    total : int, optional
        How many items there will be; without it no share or time left is shown.
    unit : str
        The plural noun of what is counted.
    """
    if not is_terminal():
        yield from items
        return
    start = shown = time.monotonic()
    count = 0
    drawn = False
    try:
        for item in items:
            yield item
            count += 1
            now = time.monotonic()
            if now - start < 0.5 or now - shown < 0.1:
                continue
            shown, drawn = now, True
            rate = count / (now - start)
            line = f"{what}  {count:,} {unit}  {rate:,.0f}/s"
            if total:
                filled = round(24 * min(1.0, count / total))
                left = max(0, total - count) / rate
                line = (
                    f"{what}  [{'=' * filled}{' ' * (24 - filled)}] {count:,}/{total:,} {unit}"
                    f"  {rate:,.0f}/s  {left:.0f} s left"
                )
            sys.stderr.write("\r\x1b[2K" + line)
            sys.stderr.flush()
    finally:
        if drawn:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
