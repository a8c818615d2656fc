"""Records that several homes share: where they are, remembered in the home, and where their artifacts lie.

    <home>/records.json     {"format": 1, "uri": "postgresql://...", "store": id}: every process of this home finds them
    <folder>/place.json     {"format": 1, "id": ...} beside the artifacts: the folder itself, whatever it is mounted as

A row of the shared records holds the id of the one place where artifacts lie: that of a folder, or the URL of a bucket.
A home whose artifacts lie elsewhere is refused when it is opened: it would record what the others cannot read, and its
`gc` would take for garbage what is theirs.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.errors import StoreError
from headrace.lookup import find
from headrace.settings import check_records
from headrace.store._database import Connection, Database
from headrace.store._home import Home
from headrace.store.records.sqlite import SQLite

__all__ = ["agree", "open_database", "remembered"]

_MEMBERS = {"postgresql": "postgres", "postgres": "postgres"}
_FOLDER_FIX = (
    "set artifacts, in each home alike, to a folder or a gs://bucket that all of them reach; where they are one folder"
    " now, its place.json and artifacts/, attempts/, logs/ and streams/ may be copied there"
)


def remembered(home: Home) -> dict[str, str]:
    """What `records.json` of a home says, "uri" and "store"; {} where its records are its own."""
    path = home.path / "records.json"
    return _read(path, "uri", "store") if path.is_file() else {}


def open_database(home: Home, uri: str, *, read_only: bool, timeout_s: float) -> Database:
    """What holds the records: `metadata.db` of the home where `uri` is "", else what is there.

    Raises InvalidInput for what is no address of records, MissingExtra, or StoreError where the home has records of its
    own already.
    """
    if not uri:
        return SQLite(home.database, read_only=read_only, timeout_s=timeout_s)
    check_records(uri, "settings")
    if home.database.is_file():
        raise StoreError(
            f"the records of this home are in metadata.db, and the setting records says {uri}",
            where=str(home.path),
            fix="begin another home (setting home), or leave the setting out",
        )
    made: Database = find("records", _MEMBERS[uri.partition(":")[0]])(uri, read_only=read_only, timeout_s=timeout_s)
    return made


def agree(home: Home, database: Database, uri: str, *, may_write: bool) -> None:
    """See that this home's artifacts lie where those of the shared records do; the first home says where that is.

    What was agreed is remembered in the home. Raises StoreError where they lie elsewhere, or these are not the records
    that the home had so far.
    """
    known = remembered(home)
    with database.read() as connection:
        row = _row(connection)
    if row is None and not known and not may_write:
        return
    if row is None and not known:
        row = _begin(home, database)
    if known and (row is None or row[0] != known["store"]):
        raise StoreError(
            f"these are not the records of this home, which were in {known['uri']}",
            where=database.where,
            fix="set records back, or begin another home (setting home)",
        )
    assert row is not None
    if row[1] != _own(home):
        raise StoreError(
            f"the artifacts of these records lie in {row[2]}, and those of this home in {_told(home)}",
            where=database.where,
            expected="one place for all homes that share records",
            fix=_FOLDER_FIX,
        )
    plain = {"format": 1, "uri": uri, "store": row[0]}
    if may_write and {"format": 1, **known} != plain:
        disk.make_folder(home.path, mode=0o700)
        disk.write_file(home.path / "records.json", to_canonical(plain))


def _begin(home: Home, database: Database) -> tuple[str, str, str]:
    with database.write() as connection:
        row = _row(connection)
        if row is not None:  # another home was faster
            return row
        own = _own(home)
        if own is not None and not home.url:
            raise StoreError(
                f"{home.root} holds the artifacts of other records, and these are new",
                where=database.where,
                fix="name those records, or another folder; if nothing uses it any more, remove its place.json",
            )
        if own is None:
            own = uuid.uuid4().hex
            disk.make_folder(home.root, mode=0o700)
            disk.write_file(_file(home), to_canonical({"format": 1, "id": own}))
        row = (uuid.uuid4().hex, own, _told(home))
        connection.execute("INSERT INTO place VALUES (1, ?, ?, ?)", row)
    return row


def _row(connection: Connection) -> tuple[str, str, str] | None:
    found: tuple[str, str, str] | None = connection.execute("SELECT store_id, artifacts, told FROM place").fetchone()
    return found


def _own(home: Home) -> str | None:
    """The id of where this home's artifacts lie; None for a folder that has none yet."""
    if home.url:
        return home.url
    return _read(_file(home), "id")["id"] if _file(home).is_file() else None


def _told(home: Home) -> str:
    return home.url or f"{home.root.absolute()} on {os.uname().nodename}"


def _file(home: Home) -> Path:
    return home.root / "place.json"


def _read(path: Path, *names: str) -> dict[str, str]:
    try:
        plain: dict[str, Any] = from_canonical(path.read_bytes())
        return {name: str(plain[name]) for name in names}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"it cannot be read: {error}", where=str(path), fix="bring it back from a backup") from error
