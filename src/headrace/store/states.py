"""Kept states: what was worked out once about rows that do not change, as files that may be deleted at any time.

    states/<first 2 digits>/<place>.<which names>.1

A *place* is a digest that says which rows were looked at and how; each file holds some named entries of one place. A
file is written beside its name and renamed, and carries a sha256 of each entry, so that a kill or a power cut leaves
either a whole file or one that is not believed: nothing here is ever synced, because nothing here has to last. Two
processes that keep the same entries write the same name, and either file will do. A later format has another ending
and never sees these.

Nothing that goes wrong here stops a step: what cannot be read is worked out again, what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace import disk, progress
from headrace.canonical import digest, from_canonical, to_canonical
from headrace.errors import StoreError
from headrace.store._home import check_digest

__all__ = ["States"]

_MAGIC = b"headrace states\n"
_ENDING = ".1"
_FIXED = len(_MAGIC) + 32 + 8  # then sha256 of the header, and its length, little-endian
_LEFT_OVER_S = 3600.0  # a file that was being written longer ago than this was left by a process that was killed


@dataclass(frozen=True)
class _File:
    path: Path
    size_bytes: int
    used: float  # seconds since the epoch, as the modification time, which `find` renews


class States:
    """The files of one `states/` folder; safe for any number of threads and processes at once.

    Parameters
    ----------
    folder : Path
        `.headrace/states`; made when something is kept.
    limit_mb : int
        How much may lie there, in MiB; `trim` removes what was used longest ago. 0 = keep nothing, find nothing.

    >>> import tempfile
    >>> place = digest(["rows", "how"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     states = States(Path(folder), limit_mb=1)
    ...     states.keep(place, {"mean": b"2.5"})
    ...     states.find(place, ["mean", "median"])
    {'mean': b'2.5'}
    """

    def __init__(self, folder: Path, *, limit_mb: int) -> None:
        self._folder = Path(folder)
        self._limit_bytes = limit_mb << 20
        self._written_bytes = 0
        self._is_broken = False
        self._lock = threading.Lock()

    def find(self, place: str, names: Sequence[str]) -> dict[str, bytes]:
        """Those of the named entries that are kept at a place.

        Cost: a listing of one folder, then reading what is found. A damaged file is removed.
        """
        found: dict[str, bytes] = {}
        if not self._limit_bytes:
            return found
        wanted = set(names)
        for path in self._files_of(check_digest(place)):
            if not wanted:
                break
            entries = _read(path, wanted)
            if entries is None:
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            if entries:
                with contextlib.suppress(OSError):
                    os.utime(path)
            found |= entries
            wanted -= entries.keys()
        return found

    def keep(self, place: str, entries: Mapping[str, bytes]) -> None:
        """Keep named entries at a place; the same again changes nothing. Says so, once, where it cannot write.

        Cost: one write of all entries, not synced.
        """
        size_bytes = sum(map(len, entries.values()))
        if not entries or self._is_broken or size_bytes * 4 > self._limit_bytes:
            return
        shard = self._folder / check_digest(place)[:2]
        path = shard / f"{place}.{digest(sorted(entries))[:16]}{_ENDING}"
        with self._lock:
            try:
                disk.write_file(path, _encode(entries), sync=False)
            except StoreError:
                try:
                    disk.make_folder(shard, mode=0o700)
                    disk.write_file(path, _encode(entries), sync=False)
                except StoreError as error:
                    self._is_broken = True
                    progress.say(f"states are not kept, so the next run cannot reuse them: {error}")
                    return
            self._written_bytes += size_bytes
            if self._written_bytes * 8 > self._limit_bytes:
                self._trim()

    def trim(self) -> None:
        """Bring the folder under its limit, if this object has written anything: what was used longest ago goes.

        Cost: one stat a file.
        """
        with self._lock:
            if self._written_bytes:
                self._trim()

    def _trim(self) -> None:
        self._written_bytes = 0
        files = sorted(self._every_file(), key=lambda file: file.used)
        now = time.time()
        total = sum(file.size_bytes for file in files)
        for file in files:
            is_left_over = file.path.name.startswith(".") and now - file.used > _LEFT_OVER_S
            if total > self._limit_bytes or is_left_over:
                total -= file.size_bytes
                with contextlib.suppress(OSError):
                    file.path.unlink()

    def _files_of(self, place: str) -> list[Path]:
        try:
            with os.scandir(self._folder / place[:2]) as found:
                return sorted(
                    Path(item.path) for item in found if item.name.startswith(place) and item.name.endswith(_ENDING)
                )
        except OSError:
            return []

    def _every_file(self) -> Iterator[_File]:
        try:
            shards = [item.path for item in os.scandir(self._folder) if item.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for shard in shards:
            with contextlib.suppress(OSError), os.scandir(shard) as items:
                for item in items:
                    with contextlib.suppress(OSError):  # somebody else may just have removed it
                        status = item.stat(follow_symlinks=False)
                        yield _File(Path(item.path), status.st_size, status.st_mtime)


def _encode(entries: Mapping[str, bytes]) -> bytes:
    """magic, sha256 of the header, its length, the header (name, length and sha256 of each entry), the entries."""
    header = to_canonical(
        [[name, len(data), hashlib.sha256(data).hexdigest()] for name, data in sorted(entries.items())]
    )
    body = [data for _, data in sorted(entries.items())]
    return b"".join([_MAGIC, hashlib.sha256(header).digest(), len(header).to_bytes(8, "little"), header, *body])


def _read(path: Path, wanted: set[str]) -> dict[str, bytes] | None:
    """The wanted entries of a file; None when it is damaged, {} when somebody has just removed it."""
    try:
        with path.open("rb") as file:
            start = file.read(_FIXED)
            length = int.from_bytes(start[-8:], "little")
            if len(start) != _FIXED or not start.startswith(_MAGIC) or length > path.stat().st_size:
                return None
            header = file.read(length)
            if hashlib.sha256(header).digest() != start[len(_MAGIC) : -8]:
                return None
            found: dict[str, bytes] = {}
            offset = _FIXED + length
            for name, size, expected in from_canonical(header):
                if name in wanted:
                    file.seek(offset)
                    data = file.read(size)
                    if hashlib.sha256(data).hexdigest() != expected:
                        return None
                    found[name] = data
                offset += size
            return found
    except OSError:
        return {}
