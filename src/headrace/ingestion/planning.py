"""What the sources of files do alike: plan the files of the chosen spans, after a span's name, and look at them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from headrace.dataset import Fragment
from headrace.errors import InvalidInput
from headrace.ingestion._contract import Known, Piece, Plan, Planned
from headrace.ingestion.spans import find_spans, select_spans
from headrace.places import hash_object, is_url, look_at_object

__all__ = ["look_at_file", "plan_files"]


def plan_files(
    source: str,
    pattern: str,
    *,
    spans: str | Sequence[str],
    base: str | None,
    cursor: str | None,
) -> Plan:
    """The files of the chosen spans after the cursor, spans in order.

    Parameters
    ----------
    source : str
        Who reads them: the source's name, for the fragments.
    pattern, spans, base
        The source's own fields: see `find_spans` and `select_spans`; base None = the working folder.
    cursor : str or None
        The name of the last span planned before; None = everything.

    Raises InvalidInput, with what was looked for, when there is no file, UnknownName for a span there is not.
    Cost: a look into the folder.
    """
    found = find_spans(pattern, base=None if base is None else Path(base))
    names = [name for name, _ in found]
    chosen = set(select_spans(names, spans))
    if cursor in names:
        chosen -= set(names[: names.index(cursor) + 1])
    planned = [
        Planned(span, Fragment(source, place, None)) for span, places in found if span in chosen for place in places
    ]
    return Plan(tuple(planned), planned[-1].span if planned else cursor)


def look_at_file(fragment: Fragment, known: Known) -> Piece:
    """A file as it is: its size and time of change, and the sha256 of its bytes.

    An object counts by the hash that its service keeps (`headrace.places.Object`), where it keeps one, so that
    nothing is read. Raises InvalidInput when it is not there. Cost: one look, or request; what is not known, and of
    which no hash is kept, is read once.
    """
    if is_url(fragment.locator):
        found = look_at_object(fragment.locator)
        own = known.get((fragment.locator, found.mark)) if found.mark else None
        return Piece(fragment.locator, found.mark, own or found.identity or hash_object(fragment.locator))
    path = Path(fragment.locator)
    try:
        status = path.stat()
        mark = f"{status.st_size} {status.st_mtime_ns}"
        identity = known.get((fragment.locator, mark))
        if identity is None:
            with path.open("rb") as file:
                identity = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(
            f"the file cannot be read: {error.strerror}", where=fragment.locator, fix="bring it back, or plan a new run"
        ) from error
    return Piece(fragment.locator, mark, identity)
