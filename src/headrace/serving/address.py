"""Addresses: which endpoint, and which version of it, a path of `/v1/models/` asks for what.

/v1/models/NAME[/versions/N | /labels/LABEL][:VERB | /metadata]
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from headrace.errors import InvalidRequest

__all__ = ["MODELS", "Address", "address_of"]

MODELS = "/v1/models/"
_ADDRESS = re.compile(r"([^/:]+)(?:/versions/([0-9]+)|/labels/([^/:]+))?(?::([a-z]+)|(/metadata)|/?)")


class Address(NamedTuple):
    """An endpoint; the version or the label asked for, None and "" for whichever serves; and the verb, "" without."""

    endpoint: str
    version: int | None
    label: str
    verb: str
    is_metadata: bool = False


def address_of(path: str) -> Address | None:
    """The address that a path is; None where it is none. Raises InvalidRequest for a version that is no number.

    >>> address_of("/v1/models/late/versions/3:predict")
    Address(endpoint='late', version=3, label='', verb='predict', is_metadata=False)
    >>> address_of("/v1/models/late/explode/3") is None
    True
    """
    found = _ADDRESS.fullmatch(path, len(MODELS)) if path.startswith(MODELS) else None
    if found is None:
        return None
    name, version, label, verb, page = found.groups("")
    if version and (len(version) > 19 or int(version) >= 1 << 63):
        raise InvalidRequest(f"version {version[:40]} is no 64 bit number")
    # Decoded once, and only ever looked up: no path of a file is made of it.
    return Address(unquote(name), int(version) if version else None, unquote(label), verb, page != "")
