"""The Store: everything of `_contract` in one object."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from headrace import disk
from headrace.errors import InvalidInput, StoreError
from headrace.settings import Settings
from headrace.store._bucket import Remote
from headrace.store._contract import Artifact, Savable, Staged
from headrace.store._home import Home, check_digest
from headrace.store._place import agree, open_database, remembered
from headrace.store._publish import is_there, is_whole, publish, touch
from headrace.store._streams import Streams
from headrace.store._studies import Studies

__all__ = ["Store"]

Noun = TypeVar("Noun")


class Store(Studies, Streams):
    """Artifacts by content, and the records of runs, attempts, leases, cache, events, endpoints, studies and streams.

    Open one with `Store.open`; use it from any thread, and in a `with` statement to close it. What each call promises
    is written down in `headrace.store._contract`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / ".headrace") as store:
    ...     run_id = store.create_run("flights", {"steps": []})
    ...     store.finish_run(run_id, "succeeded")
    ...     store.run(run_id).state
    'succeeded'
    """

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        read_only: bool = False,
        create: bool = True,
        artifacts: str | None = None,
        records: str | None = None,
        lease_s: float = 30.0,
        timeout_s: float = 30.0,
    ) -> Self:
        """Open the store in the folder `home`.

        Parameters
        ----------
        home : Path
            `.headrace` in most projects; made, for its owner alone, unless `create` is False.
        read_only : bool
            For servers and `status`: no call can write, no store is made, an older format is refused. SQLite's empty
            -shm and -wal files, which hold its locks, may appear where the folder allows it.
        create : bool
            Whether to make the store when there is none.
        artifacts : str, optional
            Where committed artifacts lie as well, "gs://bucket/prefix", or, where records are shared, instead: a
            folder. The first who says so decides it for this home, which remembers it. None or "" = as it remembers.
        records : str, optional
            Where the records are, "postgresql://user@host:port/database"; other homes may share them. None or "" = as
            the home remembers, and `metadata.db` in it where it remembers nothing.
        lease_s : float
            How long a lease lasts without renewal, in seconds.
        timeout_s : float
            How long to wait for another process's lock before StoreBusy, in seconds.

        Raises StoreError where there is none, it cannot be written or is damaged; StoreTooNew, with nothing changed,
        when a newer headrace wrote it.
        """
        place = Home(Path(home))
        uri = records or remembered(place).get("uri", "")
        if (read_only or not create) and not records and not place.is_begun:
            raise StoreError("there is no store", where=str(home), fix="`headrace run` makes one")
        place = place.located(artifacts or None, is_shared=bool(uri))
        if not read_only and not uri:
            place.make()
        database = open_database(place, uri, read_only=read_only, timeout_s=timeout_s)
        try:
            database.create()
            if database.is_shared:
                agree(place, database, uri, may_write=not read_only)
            if not read_only:
                place.make()
                place.remember()
        except BaseException:
            database.close()
            raise
        return cls(place, database, lease_s=lease_s, is_read_only=read_only)

    @classmethod
    def of(cls, settings: Settings, *, read_only: bool = False, create: bool = True) -> Self:
        """Open the store that settings name: its home, where artifacts and records are, how long leases last.

        A home that was never used learns where its records are, even where they are only to be read: servers and steps
        know the home alone.
        """
        if settings.records and read_only and not Home(settings.home).is_begun:
            cls.of(settings).close()
        return cls.open(
            settings.home,
            read_only=read_only,
            create=create,
            artifacts=settings.artifacts,
            records=settings.records,
            lease_s=settings.lease_s,
        )

    @property
    def home(self) -> Home:
        """The store's folders."""
        return self._home

    @property
    def records(self) -> str:
        """What holds the records, as messages name it: "metadata.db", or a server's address without a secret."""
        return self._database.where if self._database.is_shared else self._home.database.name

    @property
    def modules(self) -> tuple[str, ...]:
        """What a process imports that opens this store: whoever forks such processes imports it once, before."""
        return ("headrace.store", type(self._database).__module__)

    def close(self) -> None:
        """Close the connections; leases are left as they are."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def artifact_folder(self, digest: str) -> Path:
        """Where an artifact's files lie; InvalidInput for what is not a digest, StoreError when it is not there.

        With a bucket they are fetched from there when they are not in the home: one reading of them.
        """
        folder = self._home.artifact(digest)
        with self._database.read() as connection:
            files = self._known(connection, [digest]).get(digest)
        if files is not None and self._home.url and not is_whole(folder, files):
            remote = Remote(self._home)
            if remote.has(digest, files):
                remote.fetch(digest, files)
        if files is None or not is_whole(folder, files):
            is_known = self.artifact(digest) is not None
            what = f"artifact {digest[:12]} is damaged" if is_known else f"no artifact {digest[:12]} in the store"
            raise StoreError(
                what,
                where=str(folder),
                expected="its files in the sizes that were committed" if is_known else "",
                fix=self.way_back(digest) if is_known else "`headrace run` makes it again",
            )
        return folder

    def has_artifact(self, digest: str) -> bool:
        """Whether it was committed and all its files are there in their sizes, in the home or in its bucket."""
        check_digest(digest)
        with self._database.read() as connection:
            known = self._known(connection, [digest])
        return digest in known and is_there(self._home, digest, known[digest])

    def artifact(self, digest: str) -> Artifact | None:
        """Its kind and digest as recorded, or None."""
        with self._database.read() as connection:
            row = connection.execute("SELECT kind FROM artifacts WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else Artifact(row[0], digest)

    def load_artifact(self, digest: str, cls: type[Noun]) -> Noun:
        """The artifact as an object of `cls`.

        Raises InvalidInput when it is of another kind; StoreError when it is not there, or its bytes are not those
        committed. Cost: reading it; where that fails, its bytes are read once more to say why.
        """
        return self._load(digest, cls, is_again=False)

    def _load(self, digest: str, cls: type[Noun], *, is_again: bool) -> Noun:
        folder = self.artifact_folder(digest)
        found = self.artifact(digest)
        kind = getattr(cls, "kind", None)
        if found is not None and found.kind != kind:
            raise InvalidInput(f"artifact {digest[:12]} is a {found.kind}", expected=f"a {kind}")
        load: Callable[[Path], Noun] = cls.load  # type: ignore[attr-defined]  # the artifact protocol, see Savable
        try:
            return load(folder)
        except Exception as error:
            # Damaged bytes fail in whatever reads them: as JSON, Parquet or ONNX. The fault is the disk's all the same.
            damage = self.damage(digest)
            if not damage:
                raise
            if self._home.url and not is_again:  # what the disk damaged the bucket still has
                self._home.remove(folder)
                return self._load(digest, cls, is_again=True)
            raise StoreError(
                f"artifact {digest[:12]} is damaged: {damage[0].what}",
                where=str(folder / damage[0].file),
                fix=self.way_back(digest),
            ) from error

    def save_artifact(self, artifact: Savable) -> str:
        """Put an object into the store outside any run; returns its digest. One that is there already is left."""
        digest = artifact.digest
        touch(self._home.artifact(digest))
        if self.has_artifact(digest):
            return digest
        self._refuse_when_read_only()
        folder = disk.make_folder(self._home.attempts / uuid.uuid4().hex, mode=0o700)
        try:
            staged = Staged(artifact.kind, digest, disk.make_folder(folder / "output"))
            assert staged.folder is not None
            artifact.save(staged.folder)
            with self._database.read() as connection:
                known = self._known(connection, [digest])
            published = publish(self._home, {"output": staged}, known)
            with self._database.write() as connection:
                self._insert_artifacts(connection, published.values())
        finally:
            disk.remove_folder(folder)
        return digest
