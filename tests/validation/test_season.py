"""Season: earlier rows of the same month or hour alone are compared with, so that summer is no drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.schema import Schema
from headrace.validation import Validation, validate
from tests.validation.spans import item_of, of_spans


def weather(year: int, month: int, shift: float = 0.0) -> pa.Table:
    """Hourly temperatures: a season of the year and one of the day; one moment is null."""
    rng = np.random.default_rng((year, month))
    start = datetime(year, month, 1, tzinfo=UTC)
    times = [start + timedelta(hours=hour) for hour in range(28 * 24)]
    hours = np.arange(28 * 24) % 24
    temp = 10 - 12 * np.cos(2 * np.pi * month / 12) + 4 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 2, 28 * 24)
    kinds = pa.timestamp("us", tz="UTC")
    return pa.table({"at": pa.array([None, *times[1:]], kinds), "temp": np.round(temp + shift, 1)})


def year(number: int) -> dict[str, pa.Table]:
    """Twelve months."""
    return {f"{number}-{month:02d}": weather(number, month) for month in range(1, 13)}


def judge(new: dict[str, pa.Table], before: dict[str, pa.Table], season: str | None) -> Validation:
    """New months beside earlier ones."""
    data, previous = (of_spans(one, time="at") for one in (new, before))
    return validate(data, Schema.from_arrow(data.arrow_schema), previous=previous, season=season)


def warned(found: Validation) -> list[str]:
    """The names of errors and warnings."""
    return [item.name for item in found.items if item.severity in ("error", "warning")]


@pytest.mark.parametrize("month", [1, 7])
def test_summer_is_no_drift_beside_summers(month: int) -> None:
    """Beside two whole years a month drifts; beside the same months of these it does not."""
    before = {**year(2021), **year(2022)}
    new = {"2023": weather(2023, month)}
    assert any(name.endswith(":temp") for name in warned(judge(new, before, None)))
    assert warned(judge(new, before, "month")) == []


def test_a_warmer_july_drifts_all_the_same() -> None:
    """Three degrees more than in other Julys is told."""
    found = judge({"2023": weather(2023, 7, 3.0)}, {**year(2021), **year(2022)}, "month")
    assert any(name.startswith("drift") and name.endswith(":temp") for name in warned(found))


def test_the_first_year_has_nothing_to_compare_with() -> None:
    """Month by month through the first year: no warning, and each time it is said that nothing is of the season."""
    months = year(2021)
    names = list(months)
    for place in range(3, 12):
        found = judge({names[place]: months[names[place]]}, {name: months[name] for name in names[:place]}, "month")
        assert warned(found) == []
        item = item_of(found, "drift_season")
        assert item is not None and item.message.endswith("no earlier row is of the same month")


def test_the_last_evening_of_a_month_is_not_the_next_one() -> None:
    """Spans cut by a clock five hours behind UTC end in the next month: its few hours are nothing to compare with."""
    days = pa.concat_tables([weather(2021, month) for month in (1, 2)])  # January ends on the 29th
    micros = pa.array([datetime(2021, 1, 4, tzinfo=UTC) + timedelta(hours=hour) for hour in range(2 * 28 * 24)])
    days = days.set_column(0, "at", micros.cast(pa.timestamp("us", tz="UTC")))
    behind = [at - timedelta(hours=5) for at in micros.to_pylist()]
    january = days.filter(pa.array([at.month == 1 for at in behind]))
    february = days.filter(pa.array([at.month == 2 for at in behind]))
    found = judge({"2021-02": february}, {"2021-01": january}, "month")
    assert "drift:temp" not in warned(found)
    assert item_of(found, "drift_season") is not None


def test_hours() -> None:
    """A span of nights alone drifts from whole days, and not from other nights."""
    whole = weather(2023, 7)
    nights = whole.filter(pa.array([at is not None and at.hour < 6 for at in whole["at"].to_pylist()]))
    before = {"2021": weather(2021, 7), "2022": weather(2022, 7)}
    assert "drift:temp" in warned(judge({"2023": nights}, before, None))
    assert "drift:temp" not in warned(judge({"2023": nights}, before, "hour"))
    assert "drift:temp" not in warned(judge({"2023": nights}, before, "hour_of_week"))


def test_what_cannot_be_a_season() -> None:
    """An unknown season, data without a time, and a time that is no timestamp are refused with what to do."""
    tables = {"2021": weather(2021, 1)}
    with pytest.raises(UnknownName, match="month"):
        judge(tables, tables, "moon")
    data = Dataset.from_arrow(tables["2021"])
    with pytest.raises(InvalidInput, match="time="):
        validate(data, Schema.from_arrow(data.arrow_schema), season="month")
