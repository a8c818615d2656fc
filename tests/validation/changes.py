"""Columns before and after, for tests of drift: profiles, changes, and flights made up by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.fold import Distribution, Rows
from headrace.kinds import Kind
from headrace.schema import Schema
from headrace.validation import Item, Validation, validate
from headrace.validation._profile import Profile, pool
from headrace.validation._signature import Change
from tests.validation.spans import of_spans

MONTHS = ("jan", "feb", "mar", "apr")
ROUTES = {"AA": (1089, 733, 2475, 1391), "UA": (1400, 719, 2565, 1065), "HA": (4983, 2402)}

Breaks = Callable[[dict[str, Any], np.random.Generator], None]


def profile(values: Sequence[Any], kind: Kind = "number", max_distinct: int = 65_536) -> Profile:
    """The profile of a column of these values, None = null."""
    types = {"number": pa.float64(), "integer": pa.int64(), "text": pa.string(), "boolean": pa.bool_()}
    fold = Distribution("x", kind, max_distinct)
    batch = pa.record_batch({"x": pa.array(values, types.get(kind, pa.timestamp("us", tz="UTC")))})
    return Profile.of(fold.extract(fold.add(fold.create(1), Rows(batch), None))[0])


def change(before: Sequence[Sequence[Any]], after: Sequence[Any], kind: Kind = "number", **options: Any) -> Change:
    """A change of all rows, from earlier spans to a new one."""
    history = tuple(profile(values, kind) for values in before)
    whole = pool(history)
    given = {"walk": history, "everywhere": whole, "is_all": True, **options}
    return Change(history, whole, history[-1], profile(after, kind), **given)


def month(seed: int, num_rows: int = 600) -> dict[str, Any]:
    """One month of flights: three carriers of their own routes, two airports, a temperature that has a season."""
    rng = np.random.default_rng(seed)
    carrier = rng.choice(["AA", "UA", "HA"], num_rows, p=[0.5, 0.4, 0.1])
    return {
        "carrier": carrier.astype(object),
        "origin": rng.choice(["JFK", "LGA"], num_rows).astype(object),
        "distance": np.array([rng.choice(ROUTES[one]) for one in carrier]),
        "flight": rng.integers(1, 900, num_rows) * 2,
        "tailnum": np.array([f"N{one}UA" for one in rng.integers(100, 180, num_rows)], dtype=object),
        "temp": np.round(rng.normal(50 + 8 * (seed % 100), 9, num_rows), 1),
        "seats": rng.choice([50, 100, 150, 200, 300, 410], num_rows),
        "late": rng.random(num_rows) < 0.2,
    }


def table(columns: dict[str, Any]) -> pa.Table:
    """As an Arrow table; None in an object column is null, NaN in a number too."""
    return pa.table(
        {
            name: pa.array(values.tolist() if values.dtype == object else values, from_pandas=True)
            for name, values in columns.items()
        }
    )


def earlier(*names: str) -> dict[str, pa.Table]:
    """Months as tables, each by its own seed."""
    return {name: table(month(100 + place)) for place, name in enumerate(names or MONTHS)}


def compare(
    breaks: Breaks | None = None, *, before: Sequence[str] = MONTHS, seed: int = 104, **options: Any
) -> Validation:
    """A month, perhaps broken, validated beside earlier ones by a schema that asks for nothing but kinds."""
    columns = month(seed)
    if breaks is not None:
        breaks(columns, np.random.default_rng(0))
    data = of_spans({"may": table(columns)}, label="late", **options.pop("roles", {}))
    previous = of_spans(earlier(*before), label="late")
    return validate(data, Schema.from_arrow(data.arrow_schema), previous=previous, **options)


def named(validation: Validation) -> list[str]:
    """The names of its errors."""
    return sorted(item.name for item in validation.errors)


def only(validation: Validation) -> Item:
    """Its one error."""
    assert len(validation.errors) == 1, validation.summary
    return validation.errors[0]


def dataset(columns: dict[str, Any], **options: Any) -> Dataset:
    """A data set of one span "all"."""
    return Dataset.from_arrow(table(columns), **options)
