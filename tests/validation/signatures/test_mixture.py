"""mixture: shares of one column that moved, its slices as before, are a warning that says that nothing is broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headrace.schema import Schema
from headrace.validation import Validation, validate
from tests.validation.changes import earlier, month, table
from tests.validation.spans import item_of, of_spans

FEATURES = ("carrier", "origin", "distance", "flight", "tailnum", "seats", "late")  # without the season's temperature


def mixed(seed: int, rate: float, breaks: Any = None) -> Validation:
    """A month of which only a part of the rows of two carriers is kept, beside four months."""
    columns = month(seed, 2400)
    rng = np.random.default_rng(1000 + seed)
    kept = (columns["carrier"] == "HA") | (rng.random(2400) < rate)
    columns = {name: columns[name][kept] for name in FEATURES}
    if breaks is not None:
        breaks(columns)
    data = of_spans({"may": table(columns)})
    previous = of_spans({name: one.select(FEATURES) for name, one in earlier().items()})
    return validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)


@pytest.mark.parametrize("seed", range(104, 112))
def test_it_is_called_one(seed: int) -> None:
    """The carrier whose share rose is named, the distances that follow it are, and there is no error."""
    found = mixed(seed, 0.3)
    item = item_of(found, "drift_mixture")
    assert found.ok and item is not None and (item.feature, item.severity) == ("carrier", "warning")
    assert "'HA'" in item.message and "distance" in item.message and "nothing is broken" in item.message
    assert not [item for item in found.items if item.feature == "distance" and item.severity == "warning"]


def test_shares_as_before_are_none() -> None:
    """All rows kept: no mixture."""
    assert item_of(mixed(104, 1.0), "drift_mixture") is None


def test_what_is_broken_within_is_told_all_the_same() -> None:
    """A carrier in kilometres is an error beside any mixture."""

    def breaks(columns: dict[str, Any]) -> None:
        rows = columns["carrier"] == "UA"
        columns["distance"] = np.where(rows, np.round(columns["distance"] * 1.609344), columns["distance"]).astype(int)

    assert "drift_scale:distance:carrier=UA" in [item.name for item in mixed(104, 0.5, breaks).errors]


def test_what_is_rarer_in_a_slice_for_the_mixture_alone_is_no_fault() -> None:
    """Of UA's aircraft seats are known at JFK alone: where JFK's share falls, nulls rise among UA's rows."""
    columns = month(104, 2400)

    def lacking(rows: dict[str, Any]) -> dict[str, Any]:
        is_known = (rows["carrier"] != "UA") | (rows["origin"] == "JFK")
        return {**rows, "seats": np.where(is_known, rows["seats"].astype(float), np.nan)}

    kept = (columns["origin"] != "JFK") | (np.random.default_rng(7).random(2400) < 0.2)
    data = of_spans({"may": table(lacking({name: columns[name][kept] for name in FEATURES}))})
    spans = {
        span: {name: one[name].to_numpy(zero_copy_only=False) for name in FEATURES} for span, one in earlier().items()
    }
    previous = of_spans({span: table(lacking(one)) for span, one in spans.items()})
    found = validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)
    assert found.ok and item_of(found, "drift_mixture") is not None, [item.message for item in found.errors]
