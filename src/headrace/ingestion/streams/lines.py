"""JSON lines files that grow: a log that is appended to is a stream, with no server at all."""

from __future__ import annotations

import glob
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from headrace.errors import InvalidInput
from headrace.ingestion.messages import MOST_BYTES
from headrace.ingestion.streams._contract import Connection, Delivery, Stream, delivery_of

__all__ = ["Lines"]

_LOOK_S = 0.05
_FIND_S = 1.0
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Lines(Stream):
    """Files of JSON lines that others append to, followed as `tail -f` does.

    Parameters
    ----------
    pattern : str
        A path with the wildcards of glob; files that appear later are found.
    base : str or None
        Where a relative path starts; None = the working folder.

    A file is a partition, named by its path from `base`, and the place of a line is its first byte. A last line without
    its line feed waits for it. A file that becomes shorter than what was read of it is an InvalidInput: rotate by
    starting new files. All other parameters are those of every stream (`Stream`).

    Examples
    --------
    >>> Lines("logs/*.jsonl", time="at", span="hour").label
    "Lines('logs/*.jsonl')"
    """

    pattern: str
    base: str | None = None

    def connect(self, base: Path | None = None) -> Connection:
        """Look for the files. Raises InvalidInput, with what was looked for, when there is none."""
        return _Tail(Path(self.base or base or Path.cwd()), self.pattern)


class _Tail:
    """The files of a pattern, read from where the last commit ended."""

    def __init__(self, base: Path, pattern: str) -> None:
        self._base, self._pattern = base, pattern
        self._places: dict[str, int] = {}
        self._looked_s = 0.0
        self._files: dict[str, Path] = {}
        self._mean_bytes = 200.0
        self._find()
        if not self._files:
            from headrace.dataset.reading import nearby

            where = base / pattern
            raise InvalidInput("no file found", where=str(where), expected="at least one file", fix=nearby(where))

    def _find(self) -> None:
        whole = (
            self._pattern if Path(self._pattern).is_absolute() else f"{glob.escape(str(self._base))}/{self._pattern}"
        )
        for text in sorted(glob.glob(whole, recursive=True)):  # noqa: PTH207  # takes absolute patterns
            path = Path(text)
            if path.is_file():
                inside = path.is_relative_to(self._base)
                self._files[path.relative_to(self._base).as_posix() if inside else text] = path
        self._looked_s = time.monotonic()

    def seek(self, following: Mapping[str, int]) -> None:
        self._places = dict(following)
        missing = sorted(name for name in following if name not in self._files)
        if missing:  # what was read of them is committed; what came after is not to be had
            for name in missing:
                del self._places[name]

    def poll(self, limit: int, timeout_s: float) -> Delivery:
        until = time.monotonic() + timeout_s
        while True:
            if time.monotonic() - self._looked_s > _FIND_S:
                self._find()
            delivery = self._read(limit)
            if delivery.batch.num_rows or time.monotonic() >= until:
                return delivery
            time.sleep(_LOOK_S)

    def _read(self, limit: int) -> Delivery:
        rows: dict[str, list[Any]] = {"partition": [], "position": [], "data": [], "fault": []}
        following: dict[str, int] = {}
        waiting: dict[str, int | None] = {}
        for name, path in self._files.items():
            start = self._places.get(name, 0)
            try:
                with path.open("rb") as file:
                    size = file.seek(0, 2)
                    if size < start:
                        raise InvalidInput(
                            f"the file is shorter than the {start:,} bytes that were read of it: {size:,}",
                            where=str(path),
                            fix="log into a new file rather than over an old one",
                        )
                    end = start
                    if len(rows["position"]) < limit:
                        end = self._lines(file, name, start, limit - len(rows["position"]), rows)
            except OSError as error:
                raise InvalidInput(f"the file cannot be read: {error.strerror}", where=str(path)) from error
            if end > start:
                following[name] = self._places[name] = end
            left = size - end
            waiting[name] = max(1, round(left / self._mean_bytes)) if left and self._has_line(path, end) else 0
        return delivery_of(rows, None, following=following, waiting=waiting)

    def _has_line(self, path: Path, start: int) -> bool:
        """Whether a whole line stands after a place: half a one is nothing that waits."""
        with path.open("rb") as file:
            file.seek(start)
            while block := file.read(_BLOCK_BYTES):
                if b"\n" in block:
                    return True
        return False

    def _lines(self, file: BinaryIO, name: str, start: int, limit: int, rows: dict[str, list[Any]]) -> int:
        """Whole lines from a place on; returns where the next begins."""
        file.seek(start)
        place, count = start, 0
        for line in iter(lambda: file.readline(MOST_BYTES + 1), b""):
            begin = place
            if not line.endswith(b"\n"):
                if len(line) <= MOST_BYTES:
                    break  # its end is not written yet
                place += len(line)
                while (more := file.readline(_BLOCK_BYTES)) and not more.endswith(b"\n"):
                    place += len(more)
                if not more:
                    return begin
                place += len(more)
                fault = f"a line of {place - begin:,} bytes; {MOST_BYTES:,} are the most"
                line = line[:4096]
            else:
                place, fault = place + len(line), None
            rows["partition"].append(name)
            rows["position"].append(begin)
            rows["data"].append(line.rstrip(b"\r\n"))
            rows["fault"].append(fault)
            count += 1
            if count >= limit or place - start >= 16 * MOST_BYTES:
                break
        if count:
            self._mean_bytes = (place - start) / count
        return place

    def acknowledge(self, receipt: Any) -> None:
        """Nothing to say: the cursor is all there is."""

    def close(self) -> None:
        """Nothing is held open."""
