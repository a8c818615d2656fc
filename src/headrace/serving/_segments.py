"""Segments: where the request log is until an hour is over, and how it becomes Parquet.

    requests/<endpoint>/open/<hour>.v<version>.<id>.arrows       an Arrow IPC stream, locked while a worker writes it
    requests/<endpoint>/<hour>/v<version>-<id>.parquet           the same rows, once it is closed

What `sync` returned from is on the disk, so a segment of a killed worker ends in what came after, perhaps torn: whole
batches are read, a torn tail is not. A segment is removed when its Parquet file is there under its name. Where the
columns of an hour differ from one version to the next, the later ones lie in a folder `<hour>.v<version>`: the files
of one folder have one shape, as a data set's span must.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.errors import InvalidInput
from headrace.progress import say

__all__ = ["FILE_NAME", "Segment", "closed_segments", "hour_of", "read_segment", "settle"]

FILE_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)\.v(\d+)\.([0-9a-f]+)\.arrows")
_OPEN = "open"


def hour_of(time_us: int) -> str:
    """The hour a moment (UTC epoch microseconds) lies in, as the log names it.

    >>> hour_of(1_700_000_000_000_000)
    '2023-11-14T22'
    """
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H")


class _Pieces(io.RawIOBase):
    """Collects what Arrow writes, so that a batch reaches the disk in one piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found


class Segment:
    """A segment being written, by one worker alone.

    Parameters
    ----------
    requests : Path
        The home's `requests` folder.
    schema : pyarrow.Schema
        Of its batches; see `headrace.serving.shape`.
    endpoint, version, hour
        What it is called after.

    Raises StoreError when the disk refuses; the segment is then to be closed, and what it holds is kept.
    """

    def __init__(self, requests: Path, schema: Any, *, endpoint: str, version: int, hour: str) -> None:
        import pyarrow as pa

        folder = disk.make_folder(requests / endpoint / _OPEN, mode=0o700)
        while True:
            self.path = folder / f"{hour}.v{version}.{secrets.token_hex(6)}.arrows"
            self._file = disk.Appender(self.path)
            with suppress(BlockingIOError):  # somebody looks whether it is closed: take another name
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(self._file.fileno()).st_nlink:
                    break
            self._file.close()
        self.hour, self.size_bytes = hour, 0
        self._pieces = _Pieces()
        # A few kilobytes a column: to hand each to a thread takes longer than to compress it.
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._writer = pa.ipc.new_stream(self._pieces, schema, options=options)

    def add(self, batch: Any) -> None:
        """Take a batch of the schema; it is in memory until `sync`."""
        self._writer.write_batch(batch)

    def sync(self) -> None:
        """Have all that was added on the disk when this returns. Cost: one write, one fsync."""
        data = self._pieces.take()
        self._file.append(data)
        self.size_bytes += len(data)

    def close(self, *, is_whole: bool = True) -> None:
        """Close it: from now on it may be made Parquet. `is_whole` False: the last write failed, add nothing."""
        try:
            if is_whole:
                self._writer.close()
                self._file.append(self._pieces.take())
        finally:
            self._file.close()


def closed_segments(requests: Path) -> list[Path]:
    """The segments that nobody writes: closed ones, and those of workers that were killed. Nothing is imported."""
    found = []
    for path in sorted(requests.glob(f"*/{_OPEN}/*.arrows")):
        with suppress(OSError), _locked(path):
            found.append(path)
    return found


@contextmanager
def _locked(path: Path, *, flags: int = os.O_RDONLY, wait: bool = False) -> Iterator[int]:
    """Hold a file's or folder's lock; BlockingIOError when somebody else does."""
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield descriptor
    finally:
        os.close(descriptor)


def read_segment(path: Path) -> Any:
    """The rows of a segment, whole batches only, as they will be in Parquet; None when there are none.

    It may be read while it is written. Raises InvalidInput for a file that never was a segment.
    """
    import pyarrow as pa

    from headrace.serving.shape import with_constants

    batches = []
    try:
        with pa.OSFile(str(path)) as file:
            if not file.size():
                return None
            reader = pa.ipc.open_stream(file)
            try:
                for batch in reader:
                    batch.validate(full=True)
                    batches.append(batch)
            except (pa.ArrowInvalid, OSError):
                pass  # the torn tail of a killed worker, or of a batch that is being written
            if not batches:
                return None
            return with_constants(pa.Table.from_batches(batches, reader.schema))
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError, KeyError, TypeError) as error:
        if path.stat().st_size < 1 << 16:  # killed while it wrote the very first batch
            return None
        raise InvalidInput(f"not a segment of a request log: {error}", where=str(path)) from error


def settle(requests: Path) -> list[Path]:
    """Make every closed segment Parquet; returns the files written.

    Two processes may do this at once; one killed anywhere leaves what the next finishes. Memory: one segment, which
    a worker closes at 32 MiB.
    """
    from headrace.dataset.parquet_file import write_parquet

    written = []
    for path in closed_segments(requests):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            continue
        hour, version, identity = match.groups()
        with suppress(BlockingIOError, FileNotFoundError), _locked(path.parent, wait=True), _locked(path):
            try:
                table = read_segment(path)
            except InvalidInput as error:
                say(f"a segment of the request log cannot be read and is set aside: {error}")
                disk.rename(path, path.with_suffix(".damaged"))
                continue
            if table is not None:
                folder = _folder(path.parent.parent, hour, version, table.schema)
                target = folder / f"v{version}-{identity}.parquet"
                beside = folder / f".{identity}.new"
                write_parquet(beside, table.to_batches(), table.schema)
                disk.rename(beside, target)
                written.append(target)
            path.unlink(missing_ok=True)
    return written


def _folder(endpoint: Path, hour: str, version: str, schema: Any) -> Path:
    """The folder of an hour, or, where other columns lie in it already, one for this version's."""
    import pyarrow.parquet as pq

    for name in (hour, f"{hour}.v{version}"):
        folder = disk.make_folder(endpoint / name, mode=0o700)
        known = next(folder.glob("*.parquet"), None)
        if known is None or pq.read_schema(known).remove_metadata().equals(schema):
            return folder
    return folder
