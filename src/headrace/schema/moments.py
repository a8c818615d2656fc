"""Moments: int64 microseconds UTC as RFC 3339 text, and back, exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from headrace.errors import InvalidInput

__all__ = ["format_moment", "parse_moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([Zz])|([+-])(\d\d):(\d\d)))?", re.ASCII
)


def format_moment(micros: int) -> str | None:
    """A moment as RFC 3339 in UTC, with as many digits of a second as it has.

    Parameters
    ----------
    micros : int
        Microseconds since 1970-01-01 UTC.

    Returns the text; None before the year 1 and after 9999, which RFC 3339 cannot say.

    >>> format_moment(1_357_016_400_500_000)
    '2013-01-01T05:00:00.5Z'
    """
    try:
        moment = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment.replace(tzinfo=None, microsecond=0).isoformat()}{fraction}Z"


def parse_moment(text: str) -> int:
    """Microseconds since 1970-01-01 UTC of an RFC 3339 text; a day alone is its midnight in UTC.

    Raises InvalidInput for a time without a zone, a day that there is not, more than six digits of a second.

    >>> parse_moment("1970-01-01T01:00:00.5+01:00"), parse_moment("1970-01-02")
    (500000, 86400000000)

    Source: RFC 3339, section 5.6.
    """
    match = _RFC_3339.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        parts = match.groups()
        year, month, day, hour, minute, second = (int(part or 0) for part in parts[:6])
        shift = timedelta(hours=int(parts[9] or 0), minutes=int(parts[10] or 0))
        zone = timezone(-shift if parts[8] == "-" else shift)
        micros = int((parts[6] or "").ljust(6, "0"))
        moment = datetime(year, month, day, hour, minute, second, micros, tzinfo=zone)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no moment", expected="RFC 3339 with a zone, as in 2013-01-31T05:00:00Z"
        ) from None
    return (moment - _EPOCH) // timedelta(microseconds=1)
