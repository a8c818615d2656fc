"""What `gc` set aside: artifacts that nothing referred to, out of the way, whole, until their grace is over.

    aside/<digest>/<when, in UTC epoch microseconds>/...      the artifact's folder as it was

An artifact goes there, and comes back, by one rename of its folder: at any moment it is in one of the two places. When
it was set aside is the folder's name, so that no record can say otherwise. Nobody reads what lies there: it comes back
first, after every byte was compared with what was committed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.errors import StoreError
from headrace.store._database import Connection
from headrace.store._home import Home
from headrace.store._publish import is_there, is_whole, problems, touch
from headrace.store._records import decode

__all__ = ["Copy", "bring_back", "copies_of", "every_copy", "mentioned", "set_aside", "under"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_JSON_BYTES = 64 << 20


@dataclass(frozen=True)
class Copy:
    """An artifact's folder that was set aside.

    Parameters
    ----------
    digest : str
        The artifact.
    since_us : int
        When, in UTC epoch microseconds.
    folder : Path
        Where it lies.
    """

    digest: str
    since_us: int
    folder: Path


def copies_of(home: Home, digest: str) -> list[Copy]:
    """The copies of one artifact, the newest first: it may have been made again, and set aside again."""
    try:
        folders = list((home.aside / digest).iterdir())
    except OSError:
        return []
    found = [Copy(digest, int(folder.name), folder) for folder in folders if folder.name.isdecimal()]
    return sorted(found, key=lambda copy: -copy.since_us)


def every_copy(home: Home) -> Iterator[Copy]:
    """All that is set aside. Cost: a listing of a folder for each artifact."""
    names = sorted(path.name for path in home.aside.iterdir()) if home.aside.is_dir() else []
    for name in names:
        if _DIGEST.fullmatch(name):
            yield from copies_of(home, name)


def set_aside(home: Home, digest: str, now_us: int) -> None:
    """Move an artifact's folder out of the way."""
    folder = disk.make_folder(home.aside / digest, mode=0o700)
    disk.rename(home.artifact(digest), folder / str(now_us), sync=False)


def bring_back(home: Home, digest: str, files: Mapping[str, Mapping[str, Any]]) -> bool:
    """Move it back, if its bytes are those committed; False where no copy is whole.

    Two that do it at once, or one that does and a collection that removes it, find each other by the rename: it
    succeeds once. Cost: one read of its bytes.
    """
    target = home.artifact(digest)
    for copy in copies_of(home, digest):
        if any(problems(copy.folder, files)):
            continue
        touch(copy.folder)  # so that it is not set aside again at once
        if target.exists():
            if is_whole(target, files):
                return True
            home.remove(target)
        try:
            disk.rename(copy.folder, target)
        except StoreError:
            continue  # somebody else was faster
        with contextlib.suppress(OSError):
            copy.folder.parent.rmdir()  # where no other copy is left
        return True
    return is_whole(target, files)


def under(home: Home, connection: Connection, digests: Sequence[str], *, is_here: bool = False) -> list[str] | None:
    """What has to come back so that these artifacts, and all they mention, are in place; what is mentioned comes first.

    What can be had as it is has all it mentions, because `gc` never takes that first. With a bucket, what is there
    can be had; `is_here` asks for the home alone.

    Returns digests; None when one of them is nowhere whole.
    """
    found: list[str] = []
    seen: set[str] = set()
    waiting = [(digest, False) for digest in digests]
    while waiting:
        digest, is_left = waiting.pop()
        if is_left:
            found.append(digest)
            continue
        row = connection.execute("SELECT files FROM artifacts WHERE digest = ?", (digest,)).fetchone()
        if digest in seen or row is None:
            continue
        seen.add(digest)
        files = decode(row[0])
        if is_whole(home.artifact(digest), files) or (not is_here and is_there(home, digest, files)):
            continue
        copy = next((copy for copy in copies_of(home, digest) if is_whole(copy.folder, files)), None)
        if copy is None:
            return None
        waiting.append((digest, True))
        waiting += [(other, False) for other in mentioned(copy.folder)]
    return found


def mentioned(folder: Path) -> frozenset[str]:
    """Every digest in an artifact's JSON: a data set's manifest names the spans that hold its rows."""
    found: set[str] = set()
    for path in folder.glob("*.json"):
        try:
            if path.name != "artifact.json" and path.stat().st_size <= _MAX_JSON_BYTES:
                found.update(_DIGEST.findall(path.read_text(encoding="utf-8", errors="replace")))
        except OSError:  # gone already: it refers to nothing any more
            continue
    return frozenset(found)
