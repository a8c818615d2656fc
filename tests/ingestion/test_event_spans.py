"""Event spans: names and ends, beside Python's own calendar and clocks."""

import datetime
import zoneinfo

import pyarrow as pa
import pytest

from headrace.ingestion.event_spans import EventSpans

FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
MOMENTS = [
    datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(hours=7 * step, seconds=step)
    for step in range(2000)
] + [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
@pytest.mark.parametrize("span", list(FORMATS))
def test_names_are_those_of_the_zone_s_own_clock(span, zone):
    """Each moment lies in the span that a calendar on the wall of that zone shows."""
    micros = pa.array([int(moment.timestamp() * 1_000_000) for moment in MOMENTS], pa.int64())
    expected = [moment.astimezone(zoneinfo.ZoneInfo(zone)).strftime(FORMATS[span]) for moment in MOMENTS]
    assert EventSpans(span, zone).names(micros).to_pylist() == expected
    assert EventSpans(span, zone).names(micros[:-1]).to_pylist() == expected[:-1]  # all since 1972
    assert EventSpans(span, zone).names(pa.array([], pa.int64())).to_pylist() == []


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("span", list(FORMATS))
def test_a_span_is_over_when_the_next_begins(span, zone):
    """The moment before the end is in the span, the end is not: months, leap days and hours that clocks repeat."""
    spans = EventSpans(span, zone)
    micros = pa.array([int(moment.timestamp() * 1_000_000) for moment in MOMENTS], pa.int64())
    for name in set(spans.names(micros).to_pylist()):
        end_us = spans.end_us(name)
        before, after = spans.names(pa.array([end_us - 1, end_us], pa.int64())).to_pylist()
        assert before == name and after > name


def test_the_last_year_has_no_end():
    """After 9999 no calendar goes on."""
    assert EventSpans("year", "UTC").end_us("9999") > 1 << 60
