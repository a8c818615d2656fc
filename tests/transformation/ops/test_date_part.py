"""ops.date_part: parts of dates and times of day."""

import datetime
import zoneinfo
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.date_part import _PARTS, DatePart

_EPOCH = datetime.datetime(1970, 1, 1)


class TestDatePart(OpCases):
    """All parts, of moments of Python's whole calendar."""

    columns: ClassVar = {"t": "timestamp"}
    values: ClassVar = {"t": st.datetimes().map(lambda moment: (moment - _EPOCH) // datetime.timedelta(microseconds=1))}

    def features(self, x):
        """One feature a part."""
        return {part: ops.date_part(x.t, part=part) for part in _PARTS}

    def define(self, rows, fitted):
        """Python's datetime."""

        def part(moment, name):
            if name == "quarter":
                return (moment.month + 2) // 3
            if name == "day_of_week":
                return moment.weekday()
            return moment.timetuple().tm_yday if name == "day_of_year" else getattr(moment, name)

        moments = [None if r["t"] is None else _EPOCH + datetime.timedelta(microseconds=r["t"]) for r in rows]
        return {name: [None if one is None else part(one, name) for one in moments] for name in _PARTS}


@pytest.mark.parametrize("part", _PARTS)
def test_every_day_of_800_years(part):
    """As Arrow has it, on both sides of 1970, at the first and the last microsecond of each day."""
    import pyarrow.compute as pc

    days = np.arange(-219_162, 73_049)  # 1369-12-10 to 2170-01-01
    stamps = np.concatenate([days * 86_400_000_000, days * 86_400_000_000 + 86_399_999_999])
    moments = pa.array(stamps, pa.timestamp("us"))
    table = pa.table({"t": moments})
    graph = transform(lambda x: {part: ops.date_part(x.t, part=part)}, Dataset.from_arrow(table.slice(0, 1)))
    expected = getattr(pc, part)(moments)
    np.testing.assert_array_equal(graph.apply(table)[part].to_numpy(), expected.to_numpy().astype(np.float32))


def test_bad_input():
    """Another part, and what is no timestamp."""
    with pytest.raises(UnknownName, match="day_of_week"):
        DatePart("weekday")
    with pytest.raises(InvalidInput, match="no hour"):
        DatePart("hour").infer([ValueType("text")])


class TestZones(OpCases):
    """Clocks on walls, of any moment of two centuries: of half hours, of changes by year, of none."""

    columns: ClassVar = {"w": "timestamp"}
    values: ClassVar = {"w": st.integers(-2_208_988_800_000_000, 4_133_980_800_000_000 - 1)}
    zones = ("Europe/Paris", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")

    def features(self, x):
        """Hour and day of each."""
        hours = {f"hour {zone}": x.w.dt.at(zone).hour for zone in self.zones}
        return hours | {f"day {zone}": ops.date_part(x.w, part="day", zone=zone) for zone in self.zones}

    def define(self, rows, fitted):
        """Python's zoneinfo."""

        def local(row, zone):
            moment = _EPOCH.replace(tzinfo=datetime.UTC) + datetime.timedelta(microseconds=row["w"])
            return moment.astimezone(zoneinfo.ZoneInfo(zone))

        found = {}
        for zone in self.zones:
            for part in ("hour", "day"):
                found[f"{part} {zone}"] = [
                    None if row["w"] is None else float(getattr(local(row, zone), part)) for row in rows
                ]
        return found


def test_the_hour_that_comes_twice():
    """The second before and after clocks are set, forward and back."""
    stamps = ["2013-03-31T00:59:59Z", "2013-03-31T01:00:00Z", "2013-10-27T00:59:59Z", "2013-10-27T01:00:00Z"]
    moments = [datetime.datetime.fromisoformat(item) for item in stamps]
    table = pa.table({"w": pa.array(moments, pa.timestamp("us", "UTC"))})
    graph = transform(lambda x: {"h": x.w.dt.at("Europe/Berlin").hour, "utc": x.w.dt.hour}, Dataset.from_arrow(table))
    assert graph.apply(table)["h"].to_pylist() == [1.0, 3.0, 2.0, 2.0]
    assert graph.apply(table)["utc"].to_pylist() == [0.0, 1.0, 0.0, 1.0]


def test_a_zone_there_is_not():
    """Refused where it is written."""
    for zone in ("Mars/Olympus", "../etc/passwd", "", 5):
        with pytest.raises(InvalidInput, match="zone"):
            DatePart(part="hour", zone=zone)
