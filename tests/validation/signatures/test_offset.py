"""offset: values a constant more or less, in all rows, and in a slice under a season that moves all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.schema import Schema
from headrace.validation import Item, validate
from headrace.validation.signatures.offset import Offset
from tests.validation.changes import change
from tests.validation.spans import of_spans


def test_all_rows() -> None:
    """Twenty degrees more in all rows are named; a season's step is not."""
    before = [np.random.default_rng(seed).normal(20, 5, 900).tolist() for seed in range(4)]
    sign = Offset().find(change(before, [value + 20 for value in before[0]]))
    assert sign is not None and abs(float(str(sign.value)) - 20) < 1.0
    assert Offset().find(change(before, before[2])) is None


def month(seed: int, season: float, shift: float = 0.0, rate: float = 1.0) -> pa.Table:
    """A temperature at three places, by season, and at one of them moved in a part of the rows; one null."""
    rng = np.random.default_rng(seed)
    place = np.repeat(["EWR", "JFK", "LGA"], 700)
    values = rng.normal(season, 6, 2100) + np.repeat([0.0, -1.0, 1.5], 700)
    values += np.where((place == "JFK") & (rng.random(2100) < rate), shift, 0.0)
    return pa.table({"place": place, "temp": pa.array([None, *values[1:].tolist()])})


def errors(new: pa.Table) -> list[Item]:
    """What six months say of it, each warmer or colder than the one before by up to fifteen degrees."""
    seasons = (-2.0, 3.0, 14.0, 20.0, 32.0, 25.0)
    data = of_spans({"7": new})
    previous = of_spans({f"{place}": month(place, season) for place, season in enumerate(seasons)})
    return list(validate(data, Schema.from_arrow(data.arrow_schema), previous=previous).errors)


@pytest.mark.parametrize(("shift", "rate"), [(12.0, 1.0), (-15.0, 1.0), (22.0, 0.5), (-25.0, 0.6)])
def test_a_slice_under_a_season(shift: float, rate: float) -> None:
    """The season moves all places; one that moved beside the others is named, with the constant and its part."""
    (found,) = errors(month(7, 13.0, shift, rate))
    assert found.name == "drift_offset:temp:place=JFK"
    assert abs(float(str(found.value)) - shift) < 0.15 * abs(shift)
    assert ("% of rows" in found.message) == (rate < 0.9)


@pytest.mark.parametrize("season", [-4.0, 13.0, 34.0])
def test_seasons_alone_are_no_fault(season: float) -> None:
    """All places colder or warmer together: no error."""
    assert errors(month(7, season)) == []
