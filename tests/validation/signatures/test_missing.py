"""missing: what did not come is named: hours, days, a carrier, in all rows or in a slice's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.schema import Schema
from headrace.validation import Validation, validate
from headrace.validation.signatures.missing import Missing
from tests.validation.changes import change
from tests.validation.spans import of_spans


def days(seed: int, num_rows: int = 1400) -> list[int | None]:
    """Days of a month, all alike; one null."""
    return [None, *np.random.default_rng(seed).integers(1, 29, num_rows).tolist()]


def test_days_in_a_row_are_told_as_a_row() -> None:
    """Three days that did not come are "5 to 7", with the rows that were to be expected."""
    after = [day for day in days(3) if day not in (5, 6, 7)]
    sign = Missing().find(change([days(0), days(1), days(2)], after, "integer"))
    assert sign is not None and sign.words == "no row has 5 to 7" and 0.07 < sign.rate < 0.12
    assert sign.touches == "none"


def test_text_and_moments() -> None:
    """A carrier is quoted; of moments the days of the month and hours of the day are looked at."""
    some = ["AA", "UA", "B6", None] * 200
    sign = Missing().find(change([some, some], [one for one in some if one != "B6"], "text"))
    assert sign is not None and sign.words == "no row has 'B6'"

    def moments(month: int, without: tuple[int, ...] = ()) -> list[datetime]:
        start = datetime(2024, month, 1, tzinfo=UTC)
        found = [start + timedelta(minutes=10 * place) for place in range(28 * 144)]
        return [one for one in found if one.hour not in without]

    sign = Missing().find(change([moments(1), moments(2)], moments(3, (4, 5)), "timestamp"))
    assert sign is not None and sign.words == "no row has hour 4, 5"


def test_chance_rarity_and_other_values_are_no_absence() -> None:
    """All days there; values too rare to be missed; values that others took the place of: no mark."""
    history = [days(0), days(1), days(2)]
    assert Missing().find(change(history, days(3), "integer")) is None
    assert Missing().find(change([["a"] * 500 + ["b"] * 3] * 3, ["a"] * 500, "text")) is None
    renamed = ["x" if one == "b" else one for one in ["a", "b"] * 300]
    assert Missing().find(change([["a", "b"] * 300] * 3, renamed, "text")) is None


def spans(without: Any) -> Validation:
    """A month beside three, rows of (day, place) left out where `without` says so."""
    tables = {}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        day, place = rng.integers(1, 29, 3000), rng.choice(["JFK", "LGA", "EWR"], 3000)
        value = rng.normal(np.where(place == "EWR", 50, 10), 3)
        kept = ~without(day, place) if seed == 3 else np.ones(3000, np.bool_)
        tables[str(seed)] = pa.table({"day": day[kept], "place": place[kept], "value": value[kept]})
    data, previous = of_spans({"3": tables.pop("3")}), of_spans(tables)
    return validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)


def test_validate_names_what_did_not_come_once() -> None:
    """Days that lack are the days' fault, in the airport where they lack; an airport that lacks is its own."""
    found = spans(lambda day, place: (day >= 10) & (day < 16))
    assert [item.name for item in found.errors] == ["drift_missing:day"] and "10 to 15" in found.errors[0].message
    found = spans(lambda day, place: (day >= 10) & (day < 16) & (place == "LGA"))
    assert [item.name for item in found.errors] == ["drift_missing:day:place=LGA"]
    found = spans(lambda day, place: place == "EWR")
    assert [item.name for item in found.errors] == ["drift_missing:place"]
    assert spans(lambda day, place: day > 99).ok
