"""The one module that writes files: every byte headrace puts on a disk passes through here.

One door makes the promises checkable: a file appears whole or not at all, it is on the disk (fsync) before anything
names it, and a test can make the k-th write, fsync or rename fail by replacing three functions (`_write`, `_fsync`,
`_rename`). Every failure leaves as a StoreError that names the path and says what to do.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from headrace.errors import StoreBusy, StoreError

__all__ = [
    "Appender",
    "append",
    "append_line",
    "make_folder",
    "open_to_write",
    "remove_folder",
    "rename",
    "sync_file",
    "sync_folder",
    "write_file",
]

_ADVICE = {
    errno.ENOSPC: "free some space, then run the same command again: nothing was half-written",
    errno.EDQUOT: "the disk quota is used up: free some space, then run the same command again",
    errno.EROFS: "the folder is read-only: set HEADRACE_HOME to one that can be written",
    errno.EACCES: "no permission to write there: set HEADRACE_HOME to a folder that can be written",
    errno.EPERM: "no permission to write there: set HEADRACE_HOME to a folder that can be written",
}


def _store_error(error: OSError, path: Path) -> StoreError:
    reason = error.strerror or type(error).__name__
    failure = StoreError(f"cannot write: {reason}", where=str(path), fix=_ADVICE.get(error.errno or 0, ""))
    failure.errno = error.errno
    return failure


class _Writer(io.RawIOBase):
    """A raw file whose writes and fsync go through this module's three doors."""

    # Where it could not be opened: the base class closes that too, and Python 3.13 tells of errors there.
    _descriptor = -1

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: object, /) -> int:
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # any buffer, as the base class promises
        done = 0
        while done < len(view):  # a short write is not an error; stopping at one would be
            done += _write(self._descriptor, view[done:])
        return done

    def sync(self) -> None:
        _fsync(self._descriptor)

    def close(self) -> None:
        if not self.closed and self._descriptor >= 0:
            os.close(self._descriptor)
        super().close()


def _write(descriptor: int, data: memoryview) -> int:
    return os.write(descriptor, data)


def _fsync(descriptor: int) -> None:
    os.fsync(descriptor)


def _rename(source: Path, target: Path) -> None:
    source.replace(target)


@contextmanager
def open_to_write(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a new file for writing; on leaving it is whole and (with `sync`) on the disk, on an error it is gone.

    The file is written in place: for one that others may be reading, write beside it and `rename`.
    Raises StoreError, with the path and what to do, when the disk refuses.
    """
    try:
        raw = _Writer(path)
    except OSError as error:
        raise _store_error(error, path) from error
    buffered = io.BufferedWriter(raw, 1 << 20)
    try:
        yield cast(BinaryIO, buffered)
        buffered.flush()
        if sync:
            raw.sync()
    except BaseException as error:
        try:
            raw.close()
        finally:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, StoreError) and error.filename is None:
            raise _store_error(error, path) from error
        raise
    raw.close()


class Appender:
    """A new file that grows while it is read: a log. What `append` returned from is on the disk, whatever comes after.

    Unlike a file of `open_to_write` it stays when the process dies, and so may end in a torn piece: its format must
    show where that begins.

    Parameters
    ----------
    path : Path
        The file; one that is there is emptied.

    Raises StoreError, as every method does, when the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._raw = _Writer(path)
        except OSError as error:
            raise _store_error(error, path) from error

    def fileno(self) -> int:
        """The file's descriptor, to lock it by."""
        return self._raw.fileno()

    def append(self, data: bytes) -> None:
        """Write a piece and wait until it is on the disk. Cost: one write, one fsync."""
        try:
            self._raw.write(data)
            self._raw.sync()
        except OSError as error:
            raise _store_error(error, self.path) from error

    def close(self) -> None:
        """Close the file; twice is fine."""
        self._raw.close()


def append(path: Path, data: bytes) -> None:
    """Add a piece to the end of a file, which is made if need be: for logs, whose last lines a power cut may take.

    One write, so that pieces of several processes stay whole; nothing is synced. Cost: about 10 us.
    Raises StoreError when the disk refuses.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, memoryview(data))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _store_error(error, path) from error


def append_line(path: Path, line: bytes) -> None:
    """Append a line to a file, on the disk when this returns; a torn last line of a killed process is closed first.

    Raises StoreError when the disk refuses. Cost: one write, one fsync.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
            rest = memoryview((b"\n" if torn else b"") + line + b"\n")
            while rest:
                rest = rest[_write(descriptor, rest) :]
            _fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _store_error(error, path) from error


def write_file(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a whole file beside its place, then rename it there: readers see the old file or the new one.

    Cost: one write, two fsyncs (file and folder) unless `sync` is False.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    with open_to_write(beside, sync=sync) as file:
        file.write(data)
    try:
        rename(beside, path, sync=sync)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def rename(source: Path, target: Path, *, sync: bool = True) -> None:
    """Rename a file or folder atomically and (with `sync`) make the new name durable."""
    try:
        _rename(source, target)
    except OSError as error:
        raise _store_error(error, target) from error
    if sync:
        sync_folder(target.parent)


def sync_folder(path: Path) -> None:
    """Make the names inside a folder durable."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make a file durable that somebody else wrote."""
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            _fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _store_error(error, path) from error


def make_folder(path: Path, *, mode: int = 0o777) -> Path:
    """Make a folder (with these permissions, less the umask) and those above it; an existing one is fine."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise _store_error(error, path) from error
    return path


@contextmanager
def hold(path: Path, note: str) -> Iterator[None]:
    """Hold a file so that no other process can hold it: the kernel lets go of it when this process ends, however.

    `note` says who holds it, to whoever asks in vain: StoreBusy carries it. Processes only: within one, a second
    `hold` of the same file succeeds.
    """
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _store_error(error, path) from error
    try:
        try:
            # Of fcntl's kind, which a forked child does not inherit: one that lives on must not hold it for us.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 1000, 0).decode("utf-8", "replace") or "another process"
            raise StoreBusy(f"held by {holder}", where=str(path)) from error
        try:
            os.ftruncate(descriptor, 0)
            _write(descriptor, memoryview(note.encode()))
        except OSError as error:
            raise _store_error(error, path) from error
        yield
    finally:
        os.close(descriptor)


def remove_folder(path: Path) -> None:
    """Remove a folder and all it holds; one that is not there is fine."""
    shutil.rmtree(path, ignore_errors=True)
