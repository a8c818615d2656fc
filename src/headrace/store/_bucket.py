"""Artifacts in a bucket: put there before they are committed, fetched from there into the home when they are not in it.

    <prefix>/artifacts/<digest>/files/<sha256>/<name>      each file, under the hash of its bytes
    <prefix>/artifacts/<digest>/artifact.json              which files the artifact is: written last

Every object is written by create-if-absent (`ifGenerationMatch=0`) and never again, so that writers need not know of
each other. A file's object can only be what its name says. Of two that make one digest the first to write artifact.json
wins; the other takes over what stands there. What was cut off lacks artifact.json: nobody reads it, and whoever makes
the digest again goes on with it. Nothing is ever removed: other homes may refer to it.

Every failure is a StoreError that names the object.
"""

from __future__ import annotations

import errno
import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput, StoreError
from headrace.places import Bucket, look_at_object, open_to_read
from headrace.store._home import Home

__all__ = ["Files", "Remote"]

_MANIFEST = "artifact.json"
_BLOCK_BYTES = 1 << 22

Files = dict[str, dict[str, Any]]


class Remote:
    """The artifacts in a home's bucket.

    Parameters
    ----------
    home : Home
        One that has a `url`.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    def reach(self) -> None:
        """Ask for the bucket; StoreError that says why where there is none, or it does not answer."""
        with _as_store_error():
            if not Bucket(self._home.url).has_bucket(self._home.url):
                raise InvalidInput("there is no such bucket", where=self._home.url, fix="make it, or give us the right")

    def files(self, digest: str) -> Files | None:
        """What artifact.json says of a digest's files; None where there is none. Cost: one request."""
        found = self._manifest(digest)
        return None if found is None else found["files"]

    def _manifest(self, digest: str) -> dict[str, Any] | None:
        url = f"{self._folder(digest)}/{_MANIFEST}"
        try:
            with _as_store_error():
                plain = from_canonical(bytes(Bucket(url).call("cat_file", url)))
            if plain["digest"] != digest:
                raise ValueError(f"it is of {plain['digest']!r}")
            return {"kind": str(plain["kind"]), "files": dict(plain["files"])}
        except StoreError as error:
            if isinstance(error.__cause__, InvalidInput) and isinstance(error.__cause__.__cause__, FileNotFoundError):
                return None
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"the artifact's description is damaged: {error}", where=url) from error

    def has(self, digest: str, files: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether the artifact is there with exactly these files."""
        return self.files(digest) == files

    def put(self, folder: Path, kind: str, digest: str, files: Files) -> Files:
        """Put an artifact's files there; returns those that stand there, these or the first ones.

        Cost: one request a file and two more; what is there already is not sent again.
        """
        stands = self.files(digest)
        if stands is None:
            for name, entry in files.items():
                self._put_file(folder / name, self._object(digest, name, entry), entry)
            plain = {"format": 1, "kind": kind, "digest": digest, "files": files}
            url = f"{self._folder(digest)}/{_MANIFEST}"
            with _as_store_error():
                is_first = Bucket(url).put_new(to_canonical(plain), url)
            stands = files if is_first else self.files(digest)
            if stands is None:
                raise StoreError("another writer's description is there and cannot be read", where=url)
        for name, entry in stands.items():
            self._check(self._object(digest, name, entry), entry)
        return stands

    def fetch(self, digest: str, files: Mapping[str, Mapping[str, Any]]) -> None:
        """Bring an artifact into the home's `artifacts/`, whole and verified, or not at all.

        Raises StoreError where an object is not there or is not what was committed.
        """
        target, found = self._home.artifact(digest), self._manifest(digest)
        if found is None or found["files"] != files:
            raise StoreError("it is not what was committed", where=f"{self._folder(digest)}/{_MANIFEST}")
        folder = disk.make_folder(self._home.attempts / f"fetched-{uuid.uuid4().hex}", mode=0o700)
        try:
            for name, entry in files.items():
                path = folder / name
                disk.make_folder(path.parent)
                url = self._object(digest, name, entry)
                hashed = hashlib.sha256()
                with disk.open_to_write(path) as file:
                    for block in self._read(url):
                        hashed.update(block)
                        file.write(block)
                if hashed.hexdigest() != entry["sha256"]:
                    raise StoreError("the bytes differ from those committed (sha256)", where=url)
            manifest = {"format": 1, "kind": found["kind"], "digest": digest, "files": dict(files)}
            disk.write_file(folder / _MANIFEST, to_canonical(manifest))
            self._settle(folder, target, files)
        finally:
            disk.remove_folder(folder)

    def _settle(self, folder: Path, target: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
        """Rename a fetched folder to its digest, unless another process was faster: somebody may be reading that."""
        try:
            if all((target / name).stat().st_size == entry["size_bytes"] for name, entry in files.items()):
                return
        except OSError:  # not there, or not whole
            pass
        if target.exists():
            self._home.remove(target)
        try:
            disk.rename(folder, target)
        except StoreError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # these: faster by a moment
                raise

    def problems(self, digest: str, files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """(object, what is wrong) for everything that is missing there or not what was committed. Cost: one reading."""
        if not self.has(digest, files):
            yield "", f"it is not in {self._home.url}"
            return
        for name, entry in files.items():
            found = hashlib.sha256()
            try:
                for block in self._read(self._object(digest, name, entry)):
                    found.update(block)
            except StoreError as error:
                yield name, f"cannot be read from the bucket: {error.what}"
                continue
            if found.hexdigest() != entry["sha256"]:
                yield name, "the bytes in the bucket differ from those committed (sha256)"

    def _folder(self, digest: str) -> str:
        return f"{self._home.url}/artifacts/{digest}"

    def _object(self, digest: str, name: str, entry: Mapping[str, Any]) -> str:
        return f"{self._folder(digest)}/files/{entry['sha256']}/{name}"

    def _put_file(self, path: Path, url: str, entry: Mapping[str, Any]) -> None:
        with _as_store_error():
            if Bucket(url).put_new(path, url):
                return
            found = look_at_object(url)
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "md5").hexdigest()
        if found.size_bytes != entry["size_bytes"] or (found.identity or "md5:").partition(":")[2] not in ("", own):
            if (found.identity or "").startswith("crc32c:"):  # composed: the service knows no md5 of it
                return
            raise StoreError("the object there holds other bytes", where=url, fix="remove it: nothing refers to it")

    def _check(self, url: str, entry: Mapping[str, Any]) -> None:
        with _as_store_error():
            size = look_at_object(url).size_bytes
        if size != entry["size_bytes"]:
            raise StoreError(f"the object there has {size} bytes", where=url, expected=f"{entry['size_bytes']}")

    @staticmethod
    def _read(url: str) -> Iterator[bytes]:
        with _as_store_error(), open_to_read(url) as file:
            while block := file.read(_BLOCK_BYTES):
                yield block


@contextmanager
def _as_store_error() -> Iterator[None]:
    """What a bucket refuses is the store's failure: exit code 4."""
    try:
        yield
    except InvalidInput as error:
        fix = error.fix or "the same command goes on when it can be reached: nothing was half-committed"
        if isinstance(error.__cause__, FileNotFoundError):  # to be written or read: the object, or the whole bucket
            fix = "`headrace doctor` says whether the bucket can be had: nothing was half-committed"
        raise StoreError(error.what, where=error.where, expected=error.expected, fix=fix) from error
