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
_SHARED = ("artifacts", "attempts", "logs", "streams")  # beside the artifacts, where homes share a folder of them


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
    shared : Path or None
        A folder that several homes have for artifacts, and for all that their records name: work in progress, logs,
        checkpoints, what was committed of streams. None = they lie in the home.
    """

    path: Path
    url: str = ""
    shared: Path | None = None

    @property
    def root(self) -> Path:
        """Where what the records name lies: the shared folder, or the home itself."""
        return self.shared or self.path

    @property
    def is_begun(self) -> bool:
        """Whether a store was opened here to write, ever: its records are here, or it is known where they are."""
        return self.database.is_file() or (self.path / "records.json").is_file()

    @property
    def database(self) -> Path:
        """The records, where they are this home's alone."""
        return self.path / "metadata.db"

    @property
    def artifacts(self) -> Path:
        """Committed artifacts, one folder a digest."""
        return self.root / "artifacts"

    @property
    def attempts(self) -> Path:
        """Work in progress, one folder an attempt; what has no running attempt is garbage."""
        return self.root / "attempts"

    @property
    def states(self) -> Path:
        """Memoised fold states: free to delete."""
        return self.path / "states"

    @property
    def checkpoints(self) -> Path:
        """What trainers keep to go on from when their step is killed, one folder a step key; made when first used."""
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        """Logs of steps and servers."""
        return self.root / "logs"

    @property
    def requests(self) -> Path:
        """The request log of the server."""
        return self.path / "requests"

    @property
    def streams(self) -> Path:
        """What was committed of streams, one folder a stream."""
        return self.root / "streams"

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

    def located(self, place: str | None, *, is_shared: bool) -> Home:
        """The same home with the bucket or folder for artifacts that it was given once, or is given now.

        Parameters
        ----------
        place : str or None
            "gs://bucket/prefix" or an absolute folder; None asks for what was recorded in `bucket.json`.
        is_shared : bool
            Whether other homes may have the same records: only they may have the same folder.

        Raises StoreError when what was recorded is another, InvalidInput for a place where create-if-absent is not
        kept.
        """
        known = ""
        if self._bucket.is_file():
            try:
                known = str(from_canonical(self._bucket.read_bytes())["url"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise StoreError(f"it cannot be read: {error}", where=str(self._bucket), fix="bring it back") from error
        place = known if place is None else place.rstrip("/")
        is_folder = place.startswith("/")
        if place and not is_folder and not re.fullmatch(r"(gs|gcs)://[^/]+(/.*)?", place):
            raise InvalidInput(
                f"artifacts = {place!r}",
                where="settings",
                expected="gs://bucket/prefix: a commit needs create-if-absent; or a folder, where records are shared",
            )
        if is_folder and not is_shared:
            raise InvalidInput(
                f"artifacts = {place!r} is a folder, and the records are this home's alone",
                where="settings",
                expected='records = "postgresql://..." beside it, or artifacts = "gs://bucket/prefix"',
                fix="homes that share a folder of artifacts share their records too: `gc` goes by them",
            )
        if known and place != known:
            raise StoreError(
                f"the artifacts of this store lie in {known}, and the setting artifacts says {place or 'nothing'}",
                where=str(self.path),
                fix="set it back, or begin another home",
            )
        return replace(self, shared=Path(place)) if is_folder else replace(self, url=place)

    @property
    def _bucket(self) -> Path:
        return self.path / "bucket.json"

    def remember(self) -> None:
        """Write down where artifacts lie, if that is not in the home alone: processes that know the home know it."""
        place = self.url or (str(self.shared) if self.shared else "")
        if place and not self._bucket.is_file():
            disk.write_file(self._bucket, to_canonical({"format": 1, "url": place}))

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
            if self.shared is not None and name in _SHARED:
                disk.make_folder(self.shared / name, mode=0o700)
            else:
                disk.make_folder(self.path / name, mode=0o700)
