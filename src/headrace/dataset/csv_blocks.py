"""CSV files as blocks of whole rows, each with the number of its first line, so that whatever is wrong can be placed.

A quote opens a value only at the value's beginning, as in RFC 4180 and in Arrow's parser; inside it, delimiters and
ends of lines are text and "" is a quote. Lines end with LF, CR LF or CR.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.places import open_to_read

__all__ = ["BLOCK_BYTES", "DELIMITERS", "Block", "find_bad_row", "first_row_end", "open_csv", "read_blocks"]

BLOCK_BYTES = 1 << 22
DELIMITERS = ",;\t|"

_LONGEST_ROW_BYTES = 1 << 26
_BOM = b"\xef\xbb\xbf"
Places = npt.NDArray[np.int64]
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Block:
    """Whole rows.

    Parameters
    ----------
    data : bytes
        Valid UTF-8.
    line : int
        The number of the first line in it, from 1.
    """

    data: bytes
    line: int

    def line_at(self, offset: int) -> int:
        """The number of the line that a byte is in."""
        return self.line + _count_lines(self.data[:offset])


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


@contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidInput("the file is not there", where=str(path), fix="bring it back, or ingest again") from error
    except EOFError as error:
        raise InvalidInput("the file is cut short", where=str(path), fix="deliver it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(
            f"not a gzip file: {error}", where=str(path), fix="name it .csv, or deliver it again"
        ) from error
    except OSError as error:
        raise InvalidInput(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error


@contextmanager
def open_csv(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file or an object as its plain bytes: `.gz` is unpacked on the way."""
    with open_to_read(path) as file:
        if str(path).lower().endswith(".gz"):
            with gzip.open(file) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield file


def read_blocks(path: str | os.PathLike[str], delimiters: str, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The whole file, block after block, its byte order mark left out.

    Parameters
    ----------
    path : str or Path
        A file, or a URL; `.gz` is unpacked on the way.
    delimiters : str
        The delimiter; all of DELIMITERS while it is not known.
    block_bytes : int
        How much is read at a time; what comes of it does not depend on this.

    Raises InvalidInput that names the file, and the line where one is at fault: bytes that are no UTF-8, a quote that
    is never closed, a file cut short. Memory: two blocks, or the longest row (64 MiB at most).
    """
    line = 1
    with _named(path), open_csv(path) as file:
        rest = file.read(max(block_bytes, len(_BOM)))
        if rest.startswith(_UTF_16):
            raise InvalidInput("the file is UTF-16", where=str(path), expected="UTF-8", fix=_recode("utf-16"))
        rest = rest.removeprefix(_BOM)
        while True:
            more = file.read(block_bytes)
            data = rest + more
            end = _last_row_end(data, delimiters, is_last=not more)
            if end == 0 and more and len(data) <= _LONGEST_ROW_BYTES:
                rest = data
                continue
            block = Block(data[:end], line)
            if end < len(data) and (end == 0 or not more):
                row = Block(data, line).line_at(end)
                raise InvalidInput(
                    "a row that does not end",
                    where=f"{path}, line {row}",
                    expected="each quoted value closed, and rows of 64 MiB at most",
                    fix='a quote inside a quoted value is written twice: ""',
                )
            if block.data:
                _check_text(block, path)
                yield block
            if not more:
                return
            rest, line = data[end:], block.line_at(end)


def _recode(encoding: str) -> str:
    return f"write it as UTF-8: iconv -f {encoding} -t utf-8 FILE > NEW"


def _check_text(block: Block, path: str | os.PathLike[str]) -> None:
    try:
        block.data.decode()
    except UnicodeDecodeError as error:
        line = block.line_at(error.start)
        shown = block.data[error.start : error.end].hex(" ")
        raise InvalidInput(
            f"bytes that are no UTF-8: {shown}", where=f"{path}, line {line}", fix=_recode("windows-1252")
        ) from None
    zero = block.data.find(b"\0")
    if zero >= 0:
        raise InvalidInput(
            "a zero byte", where=f"{path}, line {block.line_at(zero)}", expected="text", fix="deliver the file again"
        )


def _toggles(data: bytes, delimiters: str) -> Places:
    """Where text begins and ends to be quoted, in turns: what has an odd number of them before it is quoted."""
    if b'"' not in data:
        return np.zeros(0, np.int64)
    codes = np.frombuffer(data, np.uint8)
    quotes: Places = np.flatnonzero(codes == ord('"'))
    opening = quotes[::2]
    before = np.isin(codes[opening - 1], np.frombuffer(delimiters.encode() + b"\r\n", np.uint8)) | (opening == 0)
    before[1:] |= opening[1:] == quotes[1::2][: len(opening) - 1] + 1  # "" inside a value: closed and opened again
    if before.all():
        return quotes
    # Some quotes stand inside bare values, where they are text: one by one.
    pattern = re.compile(b"[" + re.escape(delimiters.encode()) + rb'\r\n]"[^"]*+(?:""[^"]*+)*+("?)')
    found = []
    for match in pattern.finditer(b"\n" + data):
        found += [match.start(), match.end() - 2] if match[1] else [match.start()]
    return np.array(found, np.int64)


def _is_quoted(place: int, toggles: Places) -> bool:
    return bool(np.searchsorted(toggles, place) % 2)


def _last_row_end(data: bytes, delimiters: str, *, is_last: bool) -> int:
    """Where the last whole row ends; 0 where there is none."""
    toggles = _toggles(data, delimiters)
    if is_last and len(toggles) % 2 == 0:
        return len(data)
    limit = len(data)
    while True:
        back = data.rfind(b"\r", 0, limit)
        if back == len(data) - 1 and not is_last:  # its LF may come yet
            back = data.rfind(b"\r", 0, back)
        place = max(data.rfind(b"\n", 0, limit), back)
        if place < 0 or not _is_quoted(place, toggles):
            return place + 1
        limit = int(toggles[np.searchsorted(toggles, place) - 1])


def first_row_end(data: bytes, delimiters: str) -> int:
    """Where the first row ends, its end of line left out; len(data) where it is the last one."""
    toggles = _toggles(data, delimiters)
    ends = (match.start() for match in re.finditer(rb"[\r\n]", data))
    return next((place for place in ends if not _is_quoted(place, toggles)), len(data))


def find_bad_row(block: Block, delimiter: str, num_fields: int) -> tuple[int, int] | None:
    """The line and the number of values of the first row that has not `num_fields` values; None where all have.

    Empty lines do not count.
    """
    data = block.data + b"\n"
    codes, toggles = np.frombuffer(data, np.uint8), _toggles(data, delimiter)

    def bare(*wanted: str) -> Places:
        places: Places = np.flatnonzero(np.isin(codes, [ord(item) for item in wanted]))
        found: Places = places[np.searchsorted(toggles, places) % 2 == 0]
        return found

    ends = bare("\r", "\n")
    starts = np.concatenate([[0], ends[:-1] + 1])
    delimiters = bare(delimiter)
    counts = 1 + np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts)
    bad = np.flatnonzero((counts != num_fields) & (ends > starts))
    return (block.line_at(int(starts[bad[0]])), int(counts[bad[0]])) if len(bad) else None
