"""Putting a Work before folds: which columns must be read for it, and what of its rows is joined again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.dataset.nested import names_with_fields
from headrace.engine._contract import Work
from headrace.errors import Misuse, UnknownName
from headrace.fold import ROW_ID, Rows

__all__ = ["columns_needed", "put_through"]


def columns_needed(dataset: Dataset, through: Work | None, columns: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """(columns to read, columns that `through` must derive), for folds that name `columns`.

    Raises UnknownName for a column that nobody could give.
    """
    known = [*names_with_fields(span.arrow_schema for span in dataset.spans), ROW_ID]
    derived = tuple(dict.fromkeys(name for name in columns if name not in known))
    if through is None:
        if derived:
            raise UnknownName("column", derived[0], known[:-1])
        return list(dict.fromkeys(columns)), ()
    read = dict.fromkeys([*(name for name in columns if name in known), *through.columns])
    for name in read:
        if name not in known:
            raise UnknownName("column", name, known[:-1], where=type(through).__name__)
    return list(read), derived


def put_through(work: Work, rows: Rows, derived: Sequence[str] = ()) -> Rows:
    """The work's answer, with the columns, row ids and weights that it left out joined again.

    Raises UnknownName when it does not hold a `derived` column, Misuse when rows were left out with their ids.
    """
    answer = work(rows)
    batch, row_id, weight = answer.batch, answer.row_id, answer.weight
    if answer.num_rows == rows.num_rows:
        missing = [name for name in rows.batch.schema.names if name not in batch.schema.names]
        if missing:
            batch = pa.RecordBatch.from_arrays(
                [*batch.columns, *(rows.batch.column(name) for name in missing)],
                names=[*batch.schema.names, *missing],
            )
        row_id = rows.row_id if row_id is None else row_id
        weight = rows.weight if weight is None else weight
    elif (rows.row_id is not None and row_id is None) or (rows.weight is not None and weight is None):
        raise Misuse(f"{type(work).__name__} left rows out and lost their ids or weights")
    for name in derived:
        if name not in batch.schema.names:
            raise UnknownName("column", name, batch.schema.names, where=f"answer of {type(work).__name__}")
    return Rows(batch, None if row_id is None else np.asarray(row_id), weight)
