"""Spans of events: which hour, day, month or year of a time zone a moment lies in, and when that is over."""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput

__all__ = ["EventSpans"]

_WHOLE_MINUTES_US = 73_440_000_000_000  # 1972-04-30
_FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


@dataclass(frozen=True)
class EventSpans:
    """Spans of one length in one time zone.

    Parameters
    ----------
    span : str
        "hour", "day", "month" or "year".
    time_zone : str
        A name of the IANA data base.

    Raises InvalidInput for another length or zone.

    >>> spans = EventSpans("month", "America/New_York")
    >>> spans.names(pa.array([1356998399_000000, 1357020000_000000])).to_pylist()
    ['2012-12', '2013-01']
    """

    span: str
    time_zone: str

    def __post_init__(self) -> None:
        if self.span not in _FORMATS:
            raise InvalidInput(f"span = {self.span!r}", expected=" or ".join(f'"{name}"' for name in _FORMATS))
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
            raise InvalidInput(
                f"time_zone = {self.time_zone!r}", expected="a name of the IANA data base, such as Europe/Berlin"
            ) from error

    def names(self, event_us: pa.Array) -> pa.Array:
        """The span of each moment: int64[num_rows], UTC epoch microseconds, to string[num_rows]."""
        # Rounded in UTC, whose clock repeats no hour. Since 1972 every zone's offset is a whole number of minutes.
        is_recent = (pc.min(event_us).as_py() or 0) >= _WHOLE_MINUTES_US
        moments = pc.floor_temporal(
            event_us.cast(pa.timestamp("us", tz="UTC")), unit="minute" if is_recent else "second"
        )
        distinct = moments.dictionary_encode()
        local = distinct.dictionary.cast(pa.timestamp("s", tz="UTC")).cast(pa.timestamp("s", tz=self.time_zone))
        return pc.strftime(local, format=_FORMATS[self.span]).take(distinct.indices)

    def end_us(self, name: str) -> int:
        """When a span is over: the first moment after it, in UTC epoch microseconds."""
        zone = zoneinfo.ZoneInfo(self.time_zone)
        begin = datetime.datetime.strptime(name, _FORMATS[self.span])  # the zone comes after the sum
        try:
            if self.span == "year":
                end = begin.replace(year=begin.year + 1)
            elif self.span == "month":
                end = (begin + datetime.timedelta(days=31)).replace(day=1)
            else:
                end = begin + datetime.timedelta(**{f"{self.span}s": 1})
        except (ValueError, OverflowError):  # after the year 9999
            return 1 << 62
        moment = end.replace(tzinfo=zone) - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return moment // datetime.timedelta(microseconds=1)
