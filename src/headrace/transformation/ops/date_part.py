"""ops.date_part: the year, month, weekday, hour ... of a timestamp."""

from __future__ import annotations

import datetime
import functools
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput, UnknownName
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops.bucketize import search

__all__ = ["DatePart"]

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_CYCLE_DAYS = 146_097  # the Gregorian calendar repeats after 400 years
_CYCLE_START = -719_468  # 0000-03-01 is so many days from 1970-01-01; any first day of a cycle would do
_CLOCK = {"hour": (3600 * _SECOND_US, 24), "minute": (60 * _SECOND_US, 60), "second": (_SECOND_US, 60)}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_YEARS = (1900, 2101)
_PARTS = ("year", "quarter", "month", "day", "day_of_week", "day_of_year", "hour", "minute", "second")


@dataclass(frozen=True)
class DatePart(Op):
    """`ops.date_part(x.time_hour, part="hour")`, or `x.time_hour.dt.hour`: one part of a moment's date or time of day.

    Parameters
    ----------
    part : str
        year; quarter 1..4; month 1..12; day 1..31; day_of_week 0..6, Monday 0; day_of_year 1..366; hour 0..23;
        minute; second, without its fraction.
    zone : str
        UTC, or a name of the IANA database such as "Europe/Paris": what a clock on a wall there says. The zone's rules
        from 1900 to 2100, as this machine knows them, go into the graph, so that serving needs none of its own; beyond,
        the first and last of them hold.

    Nulls: null stays null. The result is an integer. A month or weekday comes round: see `ops.cyclical`.

    Raises InvalidInput for kinds other than timestamp and for a zone this machine does not know, UnknownName for
    another part. Cost: six nodes, six more in another zone than UTC, and for year,
    quarter, month, day and day_of_year a table of 400 years in the graph, of 0.1 to 0.3 MB each.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"month": ops.date_part(x.time_hour, part="month")}).text(1)
    "date_part(x.time_hour, part='month')"

    Source: the proleptic Gregorian calendar of ISO 8601, as Python's datetime and NumPy have it.
    """

    part: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        zone: Any = self.zone  # nothing has checked what was given
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, TypeError, ValueError, OSError):
            raise InvalidInput(
                f"zone = {str(zone)[:60]!r}", expected="UTC, or a name of the IANA database such as Europe/Paris"
            ) from None
        if self.part not in _PARTS:
            raise UnknownName("part of a date", str(self.part), _PARTS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """integer."""
        if inputs[0].kind != "timestamp":
            raise InvalidInput(
                f"{inputs[0].kind} has no {self.part}",
                expected="a timestamp",
                fix="parse the text before ingestion" if inputs[0].kind == "text" else "",
            )
        return ValueType("integer", inputs[0].is_nullable)

    def given(self) -> dict[str, Any]:
        """When the zone's clocks are set, and to which distance from UTC."""
        if self.zone == "UTC":
            return {}
        changes, offsets = _changes(self.zone)
        return {"changes_us": list(changes), "offsets_us": list(offsets)}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """int64 arithmetic; a Gather from a table of 400 years for what depends on the lengths of months."""
        (value,) = inputs
        if self.zone != "UTC":
            value = _local(builder, value, constants["changes_us"], constants["offsets_us"])
        # Mod rounds towards minus infinity, Div towards zero: what is divided is a multiple, before 1970 too.
        in_day = builder.node("Mod", [value.name, builder.integer(_DAY_US)])
        if self.part in _CLOCK:
            unit_us, count = _CLOCK[self.part]
            units = builder.node("Div", [in_day, builder.integer(unit_us)])
            return Value(builder.node("Mod", [units, builder.integer(count)]), "integer", value.present)
        midnight = builder.node("Sub", [value.name, in_day])
        days = builder.node("Div", [midnight, builder.integer(_DAY_US)])
        if self.part == "day_of_week":
            moved = builder.node("Add", [days, builder.integer(3)])  # 1970-01-01 was a Thursday
            return Value(builder.node("Mod", [moved, builder.integer(7)]), "integer", value.present)
        moved = builder.node("Sub", [days, builder.integer(_CYCLE_START)])
        place = builder.node("Mod", [moved, builder.integer(_CYCLE_DAYS)])
        part = builder.cast(builder.node("Gather", [builder.constant(_table(self.part)), place], axis=0), np.int64)
        if self.part == "year":
            start = builder.node("Sub", [moved, place])
            cycle = builder.node("Div", [start, builder.integer(_CYCLE_DAYS)])
            part = builder.node("Add", [part, builder.node("Mul", [cycle, builder.integer(400)])])
        return Value(part, "integer", value.present)


def _local(builder: GraphBuilder, value: Value, changes_us: Sequence[int], offsets_us: Sequence[int]) -> Value:
    """Moved by the zone's distance from UTC at that moment."""
    # A float64 holds every microsecond of these centuries.
    place = search(builder, builder.cast(value.name, np.float64), [float(item) for item in changes_us])
    index = builder.node("Squeeze", [builder.cast(place, np.int64), builder.integer(1)])
    offset = builder.node("Gather", [builder.constant(np.array(offsets_us, np.int64).reshape(-1, 1)), index], axis=0)
    return Value(builder.node("Add", [value.name, offset]), value.kind, value.present)


@functools.cache
def _changes(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(moments in microseconds, offsets): the first offset holds before the first moment."""
    rules = zoneinfo.ZoneInfo(zone)

    def offset(second: int) -> int:
        moment = _EPOCH + datetime.timedelta(seconds=second)
        found = moment.astimezone(rules).utcoffset()
        assert found is not None
        return found // datetime.timedelta(microseconds=1)

    step = 6 * 3600
    first, last = (
        int((datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) - _EPOCH).total_seconds()) for year in _YEARS
    )
    changes, offsets, before = [], [offset(first)], offset(first)
    for second in range(first + step, last + 1, step):
        now = offset(second)
        if now != before:
            low, high = second - step, second
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            changes.append(high * _SECOND_US)
            offsets.append(now)
            before = now
    return tuple(changes), tuple(offsets)


@functools.cache
def _table(part: str) -> npt.NDArray[Any]:
    """The part of each day of 400 years from 0000-03-01, where a year is within 0..400."""
    days = np.arange(_CYCLE_START, _CYCLE_START + _CYCLE_DAYS).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]")
    month = months.astype(np.int64) % 12
    found: npt.NDArray[np.int64] = {
        "year": years.astype(np.int64) + 1970,
        "quarter": month // 3 + 1,
        "month": month + 1,
        "day": (days - months).astype(np.int64) + 1,
        "day_of_year": (days - years).astype(np.int64) + 1,
    }[part]
    return found.astype(np.int16 if part in ("year", "day_of_year") else np.uint8)
