"""clock: a timestamp that goes by another zone than the hour beside it is named with the hours and the slice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.schema import Schema
from headrace.validation import Item, validate
from tests.validation.spans import of_spans

PLACES = ("EWR", "JFK", "LGA")


def month(number: int, *, summer: int = 0, hours: int = 0, place: str = "", every: int = 1, other: int = 0) -> pa.Table:
    """A row an hour at three places, day and night, beside the local hour; one null.

    `hours` moves the moments of one place (or of all), `every` second row of it; `other` the hours beside them.
    """
    start = datetime(2024, number, 1, tzinfo=UTC)
    rows = []
    for name in PLACES:
        for hour in range(28 * 24):
            off = hours if place in ("", name) and hour % every == 0 else 0
            rows.append((start + timedelta(hours=hour + 5 - summer + off), (hour + other) % 24, name, hour // 24))
    moments, local, names, days = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "at": pa.array([None, *moments[1:]], pa.timestamp("us", tz="UTC")),
            "hour": local,
            "place": names,
            "day": days,
        }
    )


def errors(new: pa.Table) -> list[Item]:
    """What four months before say of it; in the last three summer time holds."""
    earlier = {f"{number}": month(number, summer=int(number > 1)) for number in (1, 2, 3, 4)}
    data, previous = of_spans({"5": new}), of_spans(earlier)
    return list(validate(data, Schema.from_arrow(data.arrow_schema), previous=previous).errors)


@pytest.mark.parametrize("hours", [-8, -3, 2, 9])
def test_a_place_that_goes_by_another_clock(hours: int) -> None:
    """Hours that fill the day evenly show nothing by themselves; beside the local hour they do, at that place."""
    (found,) = errors(month(5, summer=1, hours=hours, place="JFK"))
    assert found.name == "drift_clock:at:place=JFK" and found.value == hours
    assert f"{abs(hours)} hours {'later' if hours > 0 else 'earlier'}" in found.message


def test_all_rows_and_half_of_them() -> None:
    """Everywhere it is said of all rows; of every second row the part is told."""
    assert [one.name for one in errors(month(5, summer=1, hours=4))] == ["drift_clock:at"]
    (found,) = errors(month(5, summer=1, hours=4, place="LGA", every=2))
    assert found.name == "drift_clock:at:place=LGA" and "in 50 % of rows" in found.message


def test_summer_time_and_clean_months_are_no_fault() -> None:
    """One hour more or less is what summer time does; a month like the others bears no mark."""
    assert errors(month(5, summer=1)) == [] and errors(month(5, summer=0)) == []


def test_columns_that_do_not_go_together() -> None:
    """An hour that has nothing to do with the moment says nothing of it."""
    hours = pa.array([hour * 7 % 24 for hour in range(3 * 28 * 24)])
    tables = {f"{number}": month(number).set_column(1, "hour", hours) for number in (1, 2, 3)}
    new = month(4, hours=5).set_column(1, "hour", hours)
    data: Dataset = of_spans({"4": new})
    found = validate(data, Schema.from_arrow(data.arrow_schema), previous=of_spans(tables))
    assert not [one for one in found.errors if one.code == "drift_clock" and one.value != 5.0]
