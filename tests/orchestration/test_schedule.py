"""Schedules: cron's ticks in a time zone, through clock changes; a bad one is told at once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput, Misuse
from headrace.orchestration import Pipeline, pipeline
from headrace.orchestration.schedule import Schedule

YEAR_US = 366 * 86400 * 1_000_000


def moment_us(text):
    """UTC epoch microseconds of a moment written in ISO 8601, UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def said(time_us):
    """The same, back."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M")


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.sampled_from(["* * * * *", "*/15 * * * *", "0 6 * * *", "30 2 * * MON-FRI", "0 0 1 * *", "0 3 L * *"]),
    st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Asia/Kathmandu"]),
    st.integers(1_600_000_000_000_000, 1_900_000_000_000_000),
)
def test_next_and_last_agree(expression, zone, now_us):
    """The last tick is not after now, the next one is, and nothing ticks between them."""
    schedule = Schedule(expression, zone)
    last, following = schedule.last_us(now_us), schedule.next_us(now_us)
    assert last <= now_us < following
    assert schedule.next_us(last) == following
    assert schedule.last_us(last) == last
    assert schedule.last_us(following) == following


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(0, 59), st.integers(0, 23), st.integers(1_600_000_000_000_000, 1_900_000_000_000_000))
def test_against_plain_arithmetic(minute, hour, now_us):
    """A daily tick in UTC is what datetime arithmetic gives."""
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    expected = now.replace(hour=hour, minute=minute, second=0)
    expected += timedelta(days=expected <= now)
    assert Schedule(f"{minute} {hour} * * *").next_us(now_us) == round(expected.timestamp()) * 1_000_000


def test_clock_changes():
    """Six in Zurich is six there in winter and summer; half past two comes once in either night of change."""
    six = Schedule("0 6 * * *", "Europe/Zurich")
    assert said(six.next_us(moment_us("2026-03-28T12:00"))) == "2026-03-29T04:00"
    assert said(six.next_us(moment_us("2026-10-25T12:00"))) == "2026-10-26T05:00"
    half = Schedule("30 2 * * *", "Europe/Zurich")
    spring = half.next_us(moment_us("2026-03-28T12:00"))
    assert said(spring) == "2026-03-29T01:00"
    assert said(half.next_us(spring)) == "2026-03-30T00:30"
    autumn = half.next_us(moment_us("2026-10-24T12:00"))
    assert said(autumn) == "2026-10-25T00:30"
    assert said(half.next_us(autumn)) == "2026-10-26T01:30"
    hourly = Schedule("0 * * * *", "Europe/Zurich")
    assert hourly.next_us(moment_us("2026-10-25T00:00")) == moment_us("2026-10-25T01:00")


@pytest.mark.parametrize(
    ("expression", "zone", "message"),
    [
        ("61 * * * *", "UTC", "bad minute"),
        ("* * *", "UTC", "3 fields"),
        ("0 0 0 6 * *", "UTC", "6 fields"),
        ("0 0 30 2 *", "UTC", "bad day-of-month"),
        ("", "UTC", "0 fields"),
        ("* * * * *", "Europe/Zuerich", "no time zone named 'Europe/Zuerich'"),
        ("* * * * *", "../../etc/passwd", "no time zone"),
        ("* * * * *", "", "no time zone"),
    ],
)
def test_bad_schedules(expression, zone, message):
    """What cron or the time zone data base does not know is refused where it is written."""
    with pytest.raises(InvalidInput, match=message):
        Schedule(expression, zone)
    with pytest.raises(InvalidInput, match=message):
        pipeline(schedule=expression, time_zone=zone)


@pipeline(schedule="0 6 * * *", time_zone="Europe/Zurich")
def daily(depth: int = 3):
    """A pipeline with a schedule."""


@pipeline()
def plain():
    """One without, with brackets."""


def test_pipelines_carry_their_schedule():
    """The decorator keeps the schedule; without one there is none."""
    assert isinstance(daily, Pipeline) and daily.schedule == Schedule("0 6 * * *", "Europe/Zurich")
    assert daily.trace().parameters == {"depth": 3}
    assert plain.schedule is None
    with pytest.raises(Misuse, match="cannot be a pipeline"):
        pipeline(schedule="0 6 * * *")(lambda: None)
