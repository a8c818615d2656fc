"""Bodies that are sent compressed, and answers to those who ask for them so: gzip and deflate.

Source: RFC 9110, sections 8.4 and 12.5.3.
"""

from __future__ import annotations

import zlib

from headrace.errors import InvalidRequest

__all__ = ["CODINGS", "compress", "inflate", "wanted_coding"]

CODINGS = ("gzip", "deflate")
# Below this an answer fits into one packet either way.
_SMALL_BYTES = 1024
_EITHER = 32 + zlib.MAX_WBITS  # zlib looks at the first bytes: gzip's header or its own


def inflate(body: bytes, coding: str, most_bytes: int) -> bytes | None:
    """The body as it was before it was compressed; None where that is more than `most_bytes`.

    Never more than that is inflated, whatever the body says of itself. `coding` is one of CODINGS; "deflate" is taken
    with and without zlib's header, because clients send both. Raises InvalidRequest for what is cut short, damaged,
    or followed by more.
    """
    for window in (_EITHER, -zlib.MAX_WBITS):
        reader = zlib.decompressobj(window)
        try:
            found = reader.decompress(body, most_bytes + 1)
        except zlib.error:
            if coding == "deflate" and window > 0:
                continue
            break
        if len(found) > most_bytes:
            return None
        if not reader.eof or reader.unused_data:
            raise InvalidRequest(f"the body is not one whole {coding} stream", expected="all of it and nothing behind")
        return found
    raise InvalidRequest(f"the body is no {coding}, as its Content-Encoding says")


def wanted_coding(accepted: str) -> str:
    """The coding of an Accept-Encoding header that we have, or "".

    >>> wanted_coding("br, gzip;q=0.8"), wanted_coding("gzip;q=0"), wanted_coding("identity")
    ('gzip', '', '')
    """
    for item in accepted[:500].lower().split(","):
        name, _, weight = item.partition(";")
        if name.strip() in CODINGS and weight.replace(" ", "").rstrip("0.") != "q=":
            return name.strip()
    return ""


def compress(body: bytes, coding: str) -> bytes | None:
    """The body compressed, quickly rather than well; None where that would not pay."""
    if len(body) < _SMALL_BYTES:
        return None
    writer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS if coding == "gzip" else zlib.MAX_WBITS)
    return writer.compress(body) + writer.flush()
