"""Where things lie in a store's home: every path is made here, from checked digests and our own ids only."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput, StoreError

__all__ = ["Home", "check_digest"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOLDERS = ("artifacts", "attempts", "states", "logs", "requests", "streams")


def check_digest(digest: str) -> str:
    """The digest itself; InvalidInput when it is not 64 lower-case hexadecimal digits (and so could be a path)."""
    if _DIGEST.fullmatch(digest) is None:
        raise InvalidInput(f"{digest!r} is not a digest", expected="64 lower-case hexadecimal digits")
    return digest


@dataclass(frozen=True)
class Home:
    """The folders of one store.

    Parameters
    ----------
    path : Path
        The home itself, `.headrace` in most projects.
    url : str
        Where committed artifacts lie as well, "gs://bucket/prefix"; then `artifacts/` is a cache. "" = nowhere.
    """

    path: Path
    url: str = ""

    @property
    def database(self) -> Path:
        """The records."""
        return self.path / "metadata.db"

    @property
    def artifacts(self) -> Path:
        """Committed artifacts, one folder a digest."""
        return self.path / "artifacts"

    @property
    def attempts(self) -> Path:
        """Work in progress, one folder an attempt; what has no running attempt is garbage."""
        return self.path / "attempts"

    @property
    def states(self) -> Path:
        """Memoised fold states: free to delete."""
        return self.path / "states"

    @property
    def checkpoints(self) -> Path:
        """What trainers keep to go on from when their step is killed, one folder a step key; made when first used."""
        return self.path / "checkpoints"

    @property
    def aside(self) -> Path:
        """What `gc` set aside, one folder a digest; made when it first does."""
        return self.path / "aside"

    @property
    def logs(self) -> Path:
        """Logs of steps and servers."""
        return self.path / "logs"

    @property
    def requests(self) -> Path:
        """The request log of the server."""
        return self.path / "requests"

    @property
    def streams(self) -> Path:
        """What was committed of streams, one folder a stream."""
        return self.path / "streams"

    @property
    def rewards(self) -> Path:
        """The log of rewards; made when the first comes."""
        return self.path / "rewards"

    def artifact(self, digest: str) -> Path:
        """The folder of an artifact, whether or not it exists."""
        return self.artifacts / check_digest(digest)

    def checkpoint(self, key: str) -> Path:
        """The folder of a step's checkpoint, whether or not it exists."""
        return self.checkpoints / check_digest(key)

    def located(self, url: str | None, *, may_write: bool) -> Home:
        """The same home with the bucket that it was given once, in `bucket.json`; `url` gives it one.

        None asks for what was recorded. Raises StoreError when the two differ, InvalidInput for a place where
        create-if-absent is not kept.
        """
        record = self.path / "bucket.json"
        known = ""
        if record.is_file():
            try:
                known = str(from_canonical(record.read_bytes())["url"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreError(f"it cannot be read: {error}", where=str(record), fix="bring it back") from error
        url = known if url is None else url.rstrip("/")
        if url and not re.fullmatch(r"(gs|gcs)://[^/]+(/.*)?", url):
            raise InvalidInput(
                f"artifacts = {url!r}", where="settings", expected="gs://bucket/prefix: a commit needs create-if-absent"
            )
        if known and url != known:
            raise StoreError(
                f"the artifacts of this store lie in {known}, and the setting artifacts says {url or 'nothing'}",
                where=str(self.path),
                fix="set it back, or begin another home",
            )
        if url and not known and may_write:
            disk.write_file(record, to_canonical({"format": 1, "url": url}))
        return replace(self, url=url)

    def remove(self, folder: Path) -> None:
        """Remove a folder of the home at once, as far as its name goes; the bytes follow."""
        aside = self.attempts / f"removed-{uuid.uuid4().hex}"
        disk.rename(folder, aside, sync=False)
        disk.remove_folder(aside)

    def make(self) -> None:
        """Make the folders, readable by their owner alone; those that are there are left as they are."""
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(
                "the store's home is a file", where=str(self.path), expected="a folder", fix="set HEADRACE_HOME"
            )
        disk.make_folder(self.path, mode=0o700)
        for name in _FOLDERS:
            disk.make_folder(self.path / name, mode=0o700)
