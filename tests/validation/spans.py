"""Data sets of several spans in memory, which may differ in shape."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headrace.dataset import Dataset, Fragment, Roles, Span
from headrace.engine import LocalEngine
from headrace.schema import Feature, Schema
from headrace.validation import Item, Validation, validate

__all__ = ["item_of", "judge", "of_spans"]


def of_spans(tables: dict[str, pa.Table | dict[str, Any]], **roles: Any) -> Dataset:
    """A data set with one fragment in memory a span."""
    made = {name: table if isinstance(table, pa.Table) else pa.table(table) for name, table in tables.items()}
    spans = []
    for index, (name, table) in enumerate(made.items()):
        single = Dataset.from_arrow(table, span=name).spans[0]
        spans.append(Span(name, 1, single.arrow_schema, (Fragment("arrow", str(index), table.num_rows),)))
    return Dataset(tuple(spans), Roles(**roles), _tables=tuple(made.values()))


def judge(data: Dataset | pa.Table | dict[str, Any], *features: Feature, **options: Any) -> Validation:
    """Validate a data set (or a table) against features."""
    if not isinstance(data, Dataset):
        data = Dataset.from_arrow(data if isinstance(data, pa.Table) else pa.table(data))
    return validate(data, Schema(features), **{"engine": LocalEngine(), **options})


def item_of(validation: Validation, code: str) -> Item | None:
    """The one item of that code, or None; more than one is a mistake in the test."""
    items = [item for item in validation.items if item.code == code]
    assert len(items) <= 1, items
    return items[0] if items else None


class Serial:
    """The plainest engine there can be: part after part, batch after batch."""

    def fold(self, folds: list[Any], dataset: Dataset, parts: list[Any]) -> list[Any]:
        """Add every row of every part to every fold."""
        states = [fold.create(1) for fold in folds]
        columns = list(dict.fromkeys(name for fold in folds for name in fold.columns))
        for part in parts:
            for rows in dataset.read(part, columns, batch_rows=3):
                states = [fold.add(state, rows, None) for fold, state in zip(folds, states, strict=True)]
        return states
