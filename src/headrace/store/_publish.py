"""Bytes on their way into the store: made durable, described by artifact.json, renamed to their digest."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput, StoreError
from headrace.store import points
from headrace.store._bucket import Remote
from headrace.store._contract import Staged
from headrace.store._home import Home

__all__ = ["MANIFEST", "Published", "is_there", "is_whole", "problems", "publish", "touch"]

# Not "manifest.json": that name belongs to the artifact's own files.
MANIFEST = "artifact.json"

# file name relative to the artifact's folder -> {"sha256": ..., "size_bytes": ...}
Files = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Published:
    """An artifact whose bytes lie under artifacts/; `files` is None when nothing had to be moved."""

    kind: str
    digest: str
    files: Files | None

    @property
    def size_bytes(self) -> int:
        """The sum of its files' sizes."""
        return sum(entry["size_bytes"] for entry in (self.files or {}).values())


def publish(home: Home, staged: Mapping[str, Staged], known: Mapping[str, Files]) -> dict[str, Published]:
    """Steps 1 to 3 of the commit protocol, for the outputs of one attempt.

    Parameters
    ----------
    home : Home
        The store's folders.
    staged : mapping of output name to Staged
        What the attempt made.
    known : mapping of digest to files
        The artifact rows there are already for these digests.

    Returns the outputs under their names. Raises StoreError when the disk or the bucket refuses, or a Staged without a
    folder is not in the store. Cost: one read of every new file (for its sha256), one fsync a file and folder; with a
    bucket one more reading of them and some requests a file.
    """
    points.reach("outputs-staged")
    described: dict[str, tuple[Staged, Files]] = {}
    for name, output in sorted(staged.items()):
        folder = home.artifact(output.digest)
        if output.digest in known and is_there(home, output.digest, known[output.digest], will_refer=True):
            if home.url and is_whole(folder, known[output.digest]):  # committed before there was a bucket?
                Remote(home).put(folder, output.kind, output.digest, known[output.digest])
            continue
        if output.folder is None:
            raise StoreError(
                f"output {name!r} names an artifact that is not in the store", where=str(folder), expected="its files"
            )
        described.setdefault(output.digest, (output, _describe(output.folder, name)))
    points.reach("files-synced")
    for output, files in described.values():
        assert output.folder is not None
        plain = {"format": 1, "kind": output.kind, "digest": output.digest, "files": files}
        disk.write_file(output.folder / MANIFEST, to_canonical(plain))
    points.reach("manifest-written")
    standing: dict[str, Files] = {}
    if home.url:  # before anything is recorded, and before our own copy: what a row names is in the bucket
        for digest, (output, files) in described.items():
            assert output.folder is not None
            standing[digest] = Remote(home).put(output.folder, output.kind, digest, files)
    published: dict[str, Published] = {}
    for number, (digest, (output, files)) in enumerate(described.items()):
        if standing.get(digest, files) != files:  # another's bytes of the same meaning were first
            Remote(home).fetch(digest, standing[digest])
            published[digest] = Published(output.kind, digest, standing[digest])
        else:
            published[digest] = Published(output.kind, digest, _move(home, output, files, is_final=bool(home.url)))
        if number == 0:
            points.reach("published-first-artifact")
    points.reach("published")
    return {
        name: published.get(output.digest, Published(output.kind, output.digest, None))
        for name, output in staged.items()
    }


def touch(folder: Path) -> bool:
    """Say that somebody is about to refer to an artifact, so that it is not removed; look whether it is whole after."""
    with contextlib.suppress(OSError):  # it is gone, which the look will show, or we may only read: then nobody refers
        os.utime(folder)
    return True


def is_there(home: Home, digest: str, files: Mapping[str, Mapping[str, Any]], *, will_refer: bool = False) -> bool:
    """Whether an artifact can be had: whole in the home, or in its bucket. Cost: one stat a file, or one request."""
    folder = home.artifact(digest)
    if will_refer:
        touch(folder)
    return is_whole(folder, files) or (bool(home.url) and Remote(home).has(digest, files))


def is_whole(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether every file is there in its size. Cost: one stat a file; `problems` also reads the bytes."""
    try:
        return all((folder / name).stat().st_size == entry["size_bytes"] for name, entry in files.items())
    except OSError:
        return False


def problems(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(file, what is wrong) for every file that is missing or whose bytes are not those committed."""
    if not folder.is_dir():
        yield "", "the folder is missing"
        return
    for name, entry in files.items():
        try:
            found = _hash(folder / name)
        except OSError as error:
            yield name, f"cannot be read: {error.strerror}"
            continue
        if found != entry["sha256"]:
            yield name, "the bytes differ from those committed (sha256)"


def _describe(folder: Path, output: str) -> Files:
    """Sizes and hashes of all files, each made durable, and the folders that hold them."""
    if not folder.is_dir():
        raise InvalidInput(f"output {output!r} was not written", where=str(folder), expected="a folder with its files")
    files: Files = {}
    folders = [folder]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise InvalidInput(f"{name!r} is neither a file nor a folder", where=f"output {output!r}, {folder}")
        if path.is_dir():
            folders.append(path)
        elif name != MANIFEST:  # one of an earlier try at this very commit
            disk.sync_file(path)
            files[name] = {"sha256": _hash(path), "size_bytes": path.stat().st_size}
    for path in reversed(folders):
        disk.sync_folder(path)
    return files


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _move(home: Home, output: Staged, files: Files, *, is_final: bool) -> Files:
    """Rename a described folder to its digest; returns the files that now stand there, ours or the first ones.

    `is_final`: they are those of the bucket, so that whatever else is there makes way.
    """
    assert output.folder is not None
    target = home.artifact(output.digest)
    while True:
        if target.exists():
            # No row names it (or what the row names is damaged): a killed attempt renamed it, or another commits it.
            touch(target)
            first = _read_manifest(target)
            if first is not None and (first == files or not is_final) and not any(problems(target, first)):
                return first
            disk.rename(target, output.folder.parent / f"damaged-{output.digest}")
        try:
            disk.rename(output.folder, target)
            return files
        except StoreError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # these: another commit was faster by a moment
                raise


def _read_manifest(folder: Path) -> Files | None:
    try:
        return from_canonical((folder / MANIFEST).read_bytes())["files"]  # type: ignore[no-any-return]
    except (OSError, ValueError, KeyError, TypeError):
        return None
