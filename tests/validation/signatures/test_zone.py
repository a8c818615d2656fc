"""zone: a clock that is hours off is named with the hours, in timestamps and in columns of hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from headrace.schema import Schema
from headrace.validation import validate
from headrace.validation.signatures.zone import Zone
from tests.validation.changes import change
from tests.validation.spans import of_spans

START = datetime(2024, 1, 1, tzinfo=UTC)


def working(seed: int, hours: float = 0.0, num_rows: int = 1500) -> list[datetime | None]:
    """Moments between six and twenty-two, most at noon, over a month; one null."""
    rng = np.random.default_rng(seed)
    days = rng.integers(0, 28, num_rows) + 30 * seed
    minutes = np.clip(rng.normal(13 * 60, 150, num_rows), 360, 1320)
    moments = zip(days.tolist(), minutes.tolist(), strict=True)
    return [None, *(START + timedelta(days=day, minutes=minute, hours=hours) for day, minute in moments)]


def steady(month: int, hours: int = 0) -> list[datetime]:
    """One row an hour, day and night."""
    start = datetime(2024, month, 1, tzinfo=UTC) + timedelta(hours=hours)
    return [start + timedelta(hours=hour) for hour in range(28 * 24)]


@pytest.mark.parametrize("hours", [-8, -5, 2, 5.5, 9])
def test_the_hours_are_named(hours: float) -> None:
    """Any shift of two hours or more is found, half hours too, with its direction."""
    sign = Zone().find(change([working(0), working(1)], working(2, hours), "timestamp"))
    assert sign is not None and abs(float(str(sign.value)) - hours) <= 0.25
    assert ("later" in sign.words) == (hours > 0) and sign.rate > 0.9


def test_a_part_of_the_rows() -> None:
    """Half of the rows six hours off: so many hours, in about half."""
    mixed = working(2, 6, 1000) + working(2, 0, 1000)
    sign = Zone().find(change([working(0), working(1)], mixed, "timestamp"))
    assert sign is not None and sign.value == 6.0 and abs(sign.rate - 0.5) < 0.1


@pytest.mark.parametrize("seed", range(2, 12))
def test_other_days_and_summer_time_bear_no_mark(seed: int) -> None:
    """The same hours on other days are as before, and one hour is what summer time does."""
    assert Zone().find(change([working(0), working(1)], working(seed), "timestamp")) is None
    assert Zone().find(change([working(0), working(1)], working(seed, 1), "timestamp")) is None


def test_an_even_day_shows_at_its_ends() -> None:
    """Where rows come at all hours, a month that begins and ends five hours late is off by these."""
    history = [steady(month) for month in (1, 2, 3, 4)]
    sign = Zone().find(change(history, steady(5, 5), "timestamp"))
    assert sign is not None and sign.value == 5.0 and "begins and ends" in sign.detail
    assert Zone().find(change(history, steady(5), "timestamp")) is None


def test_hours_as_numbers() -> None:
    """A column of hours is a clock too; other whole numbers are not."""

    def hours(seed: int, shift: int = 0) -> list[int]:
        return [(moment.hour + shift) % 24 for moment in working(seed) if moment is not None]

    sign = Zone().find(change([hours(0), hours(1)], hours(2, -7), "integer"))
    assert sign is not None and sign.value == -7.0
    codes = [[3 * hour for hour in hours(seed)] for seed in range(3)]
    assert Zone().find(change(codes[:2], [value + 15 for value in codes[2]], "integer")) is None


def test_validate_names_the_slice() -> None:
    """One airport that reports in local time is one error, with the airport."""
    tables = {}
    for seed in range(4):
        local = -5 if seed == 3 else 0
        times = working(seed)[1:] + working(seed, local)[1:]
        place = ["JFK"] * 1500 + ["LGA"] * 1500
        tables[f"{seed}"] = pa.table({"at": pa.array(times, pa.timestamp("us", tz="UTC")), "place": place})
    data, previous = of_spans({"3": tables.pop("3")}), of_spans(tables)
    found = validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)
    assert [item.name for item in found.errors] == ["drift_zone:at:place=LGA"]
    assert "5 hours earlier" in found.errors[0].message
