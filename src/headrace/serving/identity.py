"""Request ids: who gave them out can be told from the id alone, by any worker, at any time, without looking it up.

An id is 10 digits that a worker drew at its start, 8 that are a check of these with the endpoint and the store, and a
count of 8. So a reward for a request of another store, or with a typing mistake in its first part, is answered at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from headrace import disk

__all__ = ["endpoint_of", "home_id", "prefix_of"]

_ID = re.compile(r"([0-9a-f]{10})([0-9a-f]{8})[0-9a-f]{8,}")


def prefix_of(own: str, home: str, endpoint: str) -> str:
    """The first 18 digits of the ids that a worker gives to an endpoint's requests.

    >>> len(prefix_of("0123456789", "", "late"))
    18
    """
    check = hashlib.blake2b(f"{own}/{home}/{endpoint}".encode(), digest_size=4).hexdigest()
    return f"{own}{check}"


def endpoint_of(request_id: str, home: str, endpoints: Iterable[str]) -> str | None:
    """Whose request it is, of these endpoints of this store; None where it is none of theirs. Cost: 2 us an endpoint.

    >>> endpoint_of(prefix_of("0123456789", "h", "late") + "0000002a", "h", ["early", "late"])
    'late'
    >>> endpoint_of(prefix_of("0123456789", "h", "late") + "0000002a", "another", ["late"]) is None
    True
    """
    found = _ID.fullmatch(request_id)
    if found is None:
        return None
    for endpoint in endpoints:
        if prefix_of(found[1], home, endpoint) == found[1] + found[2]:
            return endpoint
    return None


def home_id(requests: Path) -> str:
    """What tells this store's requests from another's: drawn once, kept in the `requests` folder."""
    path = requests / "home_id"
    if not path.exists():
        disk.make_folder(requests, mode=0o700)
        beside = requests / f".home_id.{os.getpid()}"
        disk.write_file(beside, secrets.token_hex(8).encode())
        with suppress(FileExistsError):  # another server of this store was first
            os.link(beside, path)
        beside.unlink()
    return path.read_text().strip()
