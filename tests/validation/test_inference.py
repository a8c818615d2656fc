"""infer_schema: what the data say, and nothing they do not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from headrace.validation import infer_schema


def _seen(kind: str, *, num_rows: int = 1000, num_missing: int = 0, **more: Any) -> SimpleNamespace:
    """One feature's statistics, as far as inference reads them."""
    return SimpleNamespace(
        type=kind, num_rows=num_rows, num_missing=num_missing, num_present=num_rows - num_missing, **more
    )


def _text(counts: dict[str, int], **more: Any) -> SimpleNamespace:
    top = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return _seen("text", num_rows=sum(counts.values()), num_distinct=len(top), top_values=top, **more)


class _Statistics(dict[str, Any]):
    """Statistics as inference sees them: names in order, records by name."""

    @property
    def feature_names(self) -> list[str]:
        return list(self)


@pytest.mark.parametrize(
    ("num_missing", "num_rows", "expected"),
    [(0, 1000, 1.0), (1, 1000, 0.98), (25, 1000, 0.94), (500, 1000, 0.0), (1000, 1000, 0.0), (0, 0, 0.0), (1, 1, 0.0)],
)
def test_presence_is_relaxed_only_where_nulls_were_seen(num_missing: int, num_rows: int, expected: float) -> None:
    """Without a null seen none is allowed; else twice the share seen and a hundredth more."""
    seen = _seen("integer", num_rows=num_rows, num_missing=num_missing)
    assert infer_schema(_Statistics(a=seen))["a"].min_present == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"b": 500, "a": 500}, ("a", "b")),
        ({f"v{k:03}": 20 for k in range(100)}, tuple(f"v{k:03}" for k in range(100))),
        ({f"v{k}": 20 for k in range(101)}, None),  # too many
        ({f"id{k}": 1 for k in range(50)}, None),  # identifiers
        ({"a": 19, "b": 19}, None),  # too few rows to know
        ({"a": 5000, "b": 1}, None),  # one was seen once: others will be
        ({}, None),
    ],
)
def test_a_domain_is_given_where_another_value_would_be_news(
    counts: dict[str, int], expected: tuple[str, ...] | None
) -> None:
    """Few values, each seen often, are a domain; identifiers, long tails and small samples are not."""
    assert infer_schema(_Statistics(c=_text(counts)))["c"].domain == expected


def test_nan_ranges_label_and_review() -> None:
    """NaN is allowed where seen, a range never given, the label is not in serving, nobody has reviewed it."""
    statistics = _Statistics(
        x=_seen("number", num_nan=0, min=0.0, max=1.0),
        z=_seen("number", num_nan=3, min=0.0, max=1.0),
        y=_seen("boolean"),
    )
    statistics.roles = SimpleNamespace(label="y")  # type: ignore[attr-defined]  # as Statistics has it
    schema = infer_schema(statistics)
    assert [feature.name for feature in schema.features] == ["x", "z", "y"] and not schema.is_reviewed
    assert (schema["x"].allow_nan, schema["z"].allow_nan, schema["y"].allow_nan) == (False, True, True)
    assert all(feature.min is None and feature.max is None for feature in schema.features)
    assert [feature.not_in for feature in schema.features] == [(), (), ("serving",)]
