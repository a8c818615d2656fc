"""Progress: lines that move on a terminal, one line per change otherwise; always on standard error.

Work that may take over two seconds wraps its iteration in `track`. Nothing is drawn before the first half second, so
quick work stays silent. In a step's own process there is no terminal: what it has done goes to whoever asked with
`send_to`, and the process that runs the pipeline draws it (`show`).
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, TextIO, TypeVar

__all__ = [
    "Done",
    "columns",
    "cut",
    "duration",
    "is_shared",
    "is_terminal",
    "say",
    "send_to",
    "show",
    "speak_of",
    "tell",
    "track",
    "width_of",
]

Item = TypeVar("Item")

_QUIET_S, _REDRAW_S = 0.5, 0.1
_BARS = (24, 10)  # cells, whichever the terminal has room for


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a stream (standard error by default) is a terminal that a person looks at."""
    stream = sys.stderr if stream is None else stream
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def columns(stream: TextIO | None = None) -> int:
    """How wide the terminal is that a person reads this stream on, in characters; 0 for a file or a pipe."""
    stream = sys.stderr if stream is None else stream
    if not is_terminal(stream):
        return 0
    if not os.environ.get("COLUMNS"):
        # shutil asks about standard output, which may be a pipe beside a terminal.
        try:
            return os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError):
            pass
    return shutil.get_terminal_size().columns


def width_of(text: str) -> int:
    """How many cells of a terminal a text takes: two for a wide character, none for one that joins another.

    >>> width_of("abc"), width_of("日本"), width_of("e\u0301")
    (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    joined = ("Mn", "Me", "Cf")
    return sum(
        0 if unicodedata.category(c) in joined else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, width: int, stream: TextIO) -> str:
    """The text in at most `width` cells, ending in a mark that the stream can write where it was longer."""
    if width_of(text) <= width:
        return text
    mark = "…" if (stream.encoding or "ascii").lower().startswith("utf") else "~"
    while text and width_of(text) > width - 1:
        text = text[:-1]
    return text + mark


_subject: ContextVar[str] = ContextVar("headrace_subject", default="")


def speak_of(subject: str) -> None:
    """Begin all lines of this thread with `subject: `, where several things are told of at once."""
    _subject.set(f"{subject}: ")


def is_shared() -> bool:
    """Whether this thread is one of several that tell of something: none of them may draw, then."""
    return bool(_subject.get())


def say(line: str, **facts: str) -> None:
    """Write one line to standard error, above what moves; as one JSON object where HEADRACE_LOG_FORMAT is "json".

    Parameters
    ----------
    line : str
        What happened.
    facts : str
        What programs read beside it in JSON, `request_id` say. `details`, of several lines, stand below it as text.
    """
    line = f"{_subject.get()}{line}"
    if os.environ.get("HEADRACE_LOG_FORMAT") == "json":
        import json

        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        line = json.dumps({"time": moment, "process": os.getpid(), "message": line, **facts}, ensure_ascii=False)
    elif facts.get("details"):
        line = "\n".join((line, facts["details"].rstrip("\n")))
    with _screen.lock:
        sys.stderr.write(f"{_screen.wiped()}{line}\n")
        sys.stderr.flush()


class _Screen:
    """The lines at the bottom of the terminal that are drawn again and again."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._drawn: list[int] = []  # how many cells each line took

    def wiped(self) -> str:
        """What wipes them, "" when there are none. A terminal that became narrower has wrapped them meanwhile."""
        if not self._drawn:
            return ""
        width = max(1, columns() or 80)
        rows = sum(max(1, -(-cells // width)) for cells in self._drawn)
        self._drawn = []
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (rows - 1)

    def draw(self, lines: Sequence[str]) -> None:
        """Put these there, in one write, so that nothing flickers."""
        with self.lock:
            width = max(20, columns() - 1)
            shown = [cut(line, width, sys.stderr) for line in lines]
            text = self.wiped() + "\n".join(shown)
            self._drawn = [width_of(line) for line in shown]
            if text:
                sys.stderr.write(text)
                sys.stderr.flush()


_screen = _Screen()


def show(lines: Sequence[str]) -> None:
    """Draw lines below all that was said, in the place of those shown before; [] wipes them. Terminals only."""
    if is_terminal():
        _screen.draw(lines)


class Done(NamedTuple):
    """How far some work is. A tuple, because help must not wait for `dataclasses`.

    Parameters
    ----------
    what : str
        What is being done, in a word or two.
    number : int
        How many were done.
    total : int or None
        How many there will be, where that is known.
    unit : str
        The plural noun of what is counted.
    seconds : float
        Since it began.
    """

    what: str
    number: int
    total: int | None
    unit: str
    seconds: float

    def to_plain(self) -> dict[str, Any]:
        """As plain data, for another process."""
        return self._asdict()

    def line(self, width: int = 0) -> str:
        """What, how many, how fast, and how long it will still take; with a shorter bar, or none, to fit `width` cells.

        >>> Done("trees", 50, 200, "trees", 10.0).line()
        'trees  [======                  ] 50/200 trees  5/s  30 s left'
        >>> Done("read", 1234, None, "files", 2.0).line()
        'read  1,234 files  617/s'
        """
        rate = self.number / self.seconds if self.seconds > 0 else 0.0
        fast = f"{rate:,.0f}/s" if rate >= 1 else f"{1 / rate:.1f} s each" if rate else ""
        if not self.total:
            return f"{self.what}  {self.number:,} {self.unit}  {fast}".rstrip()
        left = f"{duration(max(0, self.total - self.number) / rate)} left" if rate else ""
        rest = f"{self.number:,}/{self.total:,} {self.unit}  {fast}  {left}".rstrip()
        for bar in _BARS:
            filled = round(bar * min(1.0, self.number / self.total))
            line = f"{self.what}  [{'=' * filled}{' ' * (bar - filled)}] {rest}"
            if not width or width_of(line) <= width:
                return line
        return f"{self.what}  {rest}"


def duration(seconds: float) -> str:
    """A duration for people.

    >>> duration(8), duration(90), duration(9000)
    ('8 s', '1 min 30 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


_listener: Callable[[Done | None], None] | None = None


def send_to(listener: Callable[[Done | None], None] | None) -> None:
    """Have `track` tell a function how far it is, some times a second, instead of drawing; None when it has ended.

    Without a listener it draws again.
    """
    global _listener
    _listener = listener


def tell(done: Done | None) -> None:
    """Show how far some work elsewhere is, as `track` shows what is done here; None when it has ended."""
    if _listener is not None:
        _listener(done)
    elif is_terminal() and not is_shared():
        show([] if done is None else [done.line(columns() - 1)])


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
    listener = _listener
    if listener is None and (not is_terminal() or is_shared()):
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
            if now - start < _QUIET_S or now - shown < _REDRAW_S:
                continue
            shown, drawn = now, True
            done = Done(what, count, total, unit, now - start)
            if listener is not None:
                listener(done)
            else:
                show([done.line(columns() - 1)])
    finally:
        if drawn:
            if listener is not None:
                listener(None)
            else:
                show([])
