"""Checkpoints of one fit: a file that a killed process leaves whole, and that the next attempt goes on from."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from headrace import disk, progress
from headrace.training._contract import Journal

__all__ = ["Checkpoints"]

_MAGIC = b"headrace checkpoint 1\n"
_NAME = "newest"


class Checkpoints(Journal):
    """A journal that keeps the newest checkpoint in a folder.

    Parameters
    ----------
    folder : Path
        Of one step key: equal rows, parameters and code, so that whatever lies there is of the very same fit. Made with
        the first checkpoint; whoever commits the step removes it.

    `save` writes beside the file, syncs and renames: a kill leaves the one before or the new one. `resume` gives None
    for a file that is not as it was written, and says so.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Checkpoints(Path(folder) / "fit").save(b"after step 3")
    ...     Checkpoints(Path(folder) / "fit").resume()
    b'after step 3'
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def save(self, state: bytes) -> None:
        """Keep it in place of the one before. Raises StoreError when the disk refuses. Cost: one write, two fsyncs."""
        disk.make_folder(self._path.parent, mode=0o700)
        disk.write_file(self._path, _MAGIC + hashlib.sha256(state).digest() + state)

    def resume(self) -> bytes | None:
        """The newest, or None."""
        data = b""
        with contextlib.suppress(OSError):
            data = self._path.read_bytes()
        if not data:
            return None
        start = len(_MAGIC) + 32
        state = data[start:]
        if not data.startswith(_MAGIC) or hashlib.sha256(state).digest() != data[len(_MAGIC) : start]:
            progress.say(f"checkpoint {self._path} is damaged: the fit begins anew")
            return None
        return state
