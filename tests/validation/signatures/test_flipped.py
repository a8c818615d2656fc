"""flipped: two values that changed places, in all rows, in a slice, in half of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headrace.schema import Schema
from headrace.validation import Item, validate
from headrace.validation.signatures.flipped import Flipped
from tests.validation.changes import change
from tests.validation.spans import of_spans


def yes(share: float, num_rows: int = 2000, seed: int = 0) -> list[bool | None]:
    """So many are true; one null."""
    return [None, *(np.random.default_rng(seed).random(num_rows) < share).tolist()]


def test_all_of_them() -> None:
    """Where a fifth was true and now four fifths are, the values have changed places."""
    sign = Flipped().find(change([yes(0.2), yes(0.22, seed=1), yes(0.19, seed=2)], yes(0.8, seed=3), "boolean"))
    assert sign is not None and sign.is_plain and "changed places" in sign.words
    assert Flipped().find(change([yes(0.2), yes(0.22, seed=1)], yes(0.21, seed=3), "boolean")) is None


def month(seed: int, late: float, flipped: float = 0.0) -> pa.Table:
    """Three places whose delays have a season of their own; at one a part of them is turned round."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {"place": np.repeat(["EWR", "JFK", "LGA"], 1500)}
    is_late = rng.random(4500) < np.repeat([late, late + 0.04, late - 0.03], 1500)
    turned = (columns["place"] == "LGA") & (rng.random(4500) < flipped)
    columns["late"] = is_late ^ turned
    return pa.table(columns)


def errors(new: pa.Table) -> list[Item]:
    """What six months of other seasons say of it."""
    seasons = (0.14, 0.28, 0.2, 0.11, 0.25, 0.17)
    data = of_spans({"7": new})
    previous = of_spans({f"{place}": month(place, late) for place, late in enumerate(seasons)})
    return list(validate(data, Schema.from_arrow(data.arrow_schema), previous=previous).errors)


@pytest.mark.parametrize("late", [0.12, 0.22])
def test_half_of_a_slice_under_a_season(late: float) -> None:
    """Months differ by as much as a slice turned round in half moves: beside the other slices it stands out."""
    (found,) = errors(month(7, late, 0.5))
    assert found.name == "drift_flipped:late:place=LGA"
    assert errors(month(7, late)) == []


def test_a_season_that_none_has_seen_is_no_flip() -> None:
    """All slices later than ever: whatever is told, not that values changed places."""
    assert not [one for one in errors(month(7, 0.45)) if one.code == "drift_flipped"]
