"""Semantic types: each is recognised, its near misses are not, and the evidence holds no value."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headrace import lookup
from headrace.dataset import Dataset
from headrace.statistics import analyze

_WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "rain", "falls", "on", "stones"]
_RNG = np.random.default_rng(8)
_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_CASES: list[tuple[str | None, str, list[Any]]] = [
    ("constant", "x", [3, None, 3]),
    (None, "x", [3, None]),
    ("email", "mail", [f"a.b{at}@mail.example.com" for at in range(40)]),
    (None, "mail", ["a@b", "no address", "@handle", "x@y.z z"]),
    ("url", "page", [f"https://example.com/{at}?q=1" for at in range(40)]),
    ("date_text", "day", [f"2024-{at % 12 + 1:02}-{at % 28 + 1:02}" for at in range(400)]),
    ("date_text", "day", [f"{at % 12 + 1:02}/{at % 31 + 1:02}/1999" for at in range(100)]),
    (None, "part", ["2024-13-01", "2024-00-01", "1-2-3"]),
    ("currency", "money", ["EUR", "USD", "JPY"] * 20),
    ("currency", "price", ["$1,234.50", "€ 3", "12 £", "-$4"]),
    ("country", "land", ["US", "DE", "FR", "JP"] * 20),
    ("country", "land", ["USA", "DEU", "FRA"] * 20),
    ("country", "land", ["Germany", "France", "united kingdom"] * 20),
    ("category", "state", ["NY", "NJ", "CT", "PA", "FL", "TX"] * 20),
    ("category", "carrier", ["AA", "UA", "B6", "DL", "WN"] * 20),
    ("latitude", "pickup_lat", _RNG.uniform(40, 41, 50).tolist()),
    ("longitude", "dropoffLongitude", _RNG.uniform(-74, -73, 50).tolist()),
    (None, "lat", _RNG.uniform(100, 110, 50).tolist()),
    (None, "platform", _RNG.uniform(0, 1, 50).tolist()),
    ("date", "day", [_DAY + timedelta(days=at) for at in range(5)]),
    (None, "moment", [_DAY + timedelta(hours=at) for at in range(5)]),
    ("identifier", "row", list(range(100))),
    ("identifier", "token", [str(uuid.UUID(int=at)) for at in range(3)]),
    ("near_unique", "row", [*range(99), None]),
    ("near_unique", "name", [f"n{at}" for at in range(95)] + ["n1"] * 5),
    ("free_text", "note", [" ".join(_RNG.choice(_WORDS, 9)) for _ in range(60)]),
    ("category", "size", [1, 2, 3] * 50),
    (None, "x", _RNG.normal(size=100).tolist()),
    (None, "x", [None, None]),
    (None, "x", [[1], [2]]),
]


@pytest.mark.parametrize(("expected", "name", "values"), _CASES, ids=[f"{case[0]}-{case[1]}" for case in _CASES])
def test_what_is_recognised(expected: str | None, name: str, values: list[Any]) -> None:
    """A column is of the type that its values show, or of none."""
    found = analyze(Dataset.from_arrow(pa.table({name: values})))[name].semantic
    assert (None if found is None else found.name) == expected
    if found is not None:
        assert 0.5 <= found.share <= 1.0 and found.evidence
        texts = {value for value in values if isinstance(value, str) and len(value) > 1}
        assert not [text for text in texts if text in found.evidence]


def test_every_type_is_tested() -> None:
    """Each file in the folder has a case above."""
    assert {case[0] for case in _CASES} - {None} == set(lookup.names("semantic"))
