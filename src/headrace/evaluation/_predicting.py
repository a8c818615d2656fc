"""Rows with their predictions, span by span: predictions that are kept are not made again.

A model's predictions for rows that do not change never change either. They are kept by (model, part), and beside
them, by part, what judging needs of the rows: labels, weights, row ids and the columns of slices. So the next
evaluation asks the champion only about spans that are new, and an evaluation of the same model reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset, Part
from headrace.dataset.rows import as_classes, as_labels, filter_rows, to_array
from headrace.engine import Engine, Work
from headrace.engine.keeping import Unit, units_of
from headrace.engine.states import versions
from headrace.errors import InvalidInput
from headrace.fold import ROW_ID, Rows
from headrace.model import Model
from headrace.model.answers import column_type

__all__ = ["LABEL", "WEIGHT", "Predict", "predict"]

LABEL, WEIGHT = "@label", "@weight"


@dataclass(frozen=True)
class Predict(Work):
    """Rows to labels and predictions; rows without a label are left out.

    Parameters
    ----------
    models : tuple of (column, Model)
        Asked once a row each; the answer's column of that name holds what each said.
    label : str
        The label's column.
    keep : tuple of str
        Columns passed on, for slices.
    positive : str, int, float, bool or None
        The label's value that counts as 1, see `Roles`.
    classes : tuple of str or of int
        What the models' predictions are of, where these are of several classes: labels are their places in it.
    """

    models: tuple[tuple[str, Model], ...]
    label: str
    keep: tuple[str, ...]
    positive: str | int | float | bool | None = None
    classes: tuple[str | int, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What the models read, the label, the columns passed on, and row ids."""
        read = [column.name for _, model in self.models for column in model.columns]
        return tuple(dict.fromkeys([*read, self.label, *self.keep, ROW_ID]))

    def __call__(self, rows: Rows) -> Rows:
        """The labelled rows: @label float64, predictions float32, and the columns passed on."""
        column = rows.batch.column(self.label)
        if self.classes:
            labels = as_classes(column, self.label, self.classes)
        else:
            labels = as_labels(column, self.label, self.positive)
        is_labelled = ~np.isnan(labels)
        rows = filter_rows(rows, is_labelled)
        found = {LABEL: to_array(labels[is_labelled])}
        found |= {name: _ask(model, rows.batch) for name, model in self.models}
        found |= {name: _encoded(rows.batch.column(name)) for name in self.keep}
        return Rows(pa.RecordBatch.from_arrays(list(found.values()), list(found)), rows.row_id, rows.weight)


def _ask(model: Model, batch: pa.RecordBatch) -> pa.Array:
    found = model.predict(batch).column("prediction")
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def _encoded(column: pa.Array) -> pa.Array:
    """Text in one type, whichever it came in, so that batches make one table."""
    types = pa.types
    if types.is_dictionary(column.type):
        texts = column.dictionary
        if types.is_string(texts.type) or types.is_large_string(texts.type):
            return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), texts.cast(pa.large_string()))
        return column.dictionary_decode()
    if types.is_string(column.type) or types.is_large_string(column.type) or types.is_string_view(column.type):
        return column.cast(pa.large_string()).dictionary_encode()
    return column


def predict(
    models: Mapping[str, Model],
    dataset: Dataset,
    parts: Sequence[Part],
    label: str,
    keep: tuple[str, ...],
    engine: Engine,
) -> tuple[pa.Table, pa.ChunkedArray]:
    """The labelled rows of the parts in source order, and the span of each.

    Parameters
    ----------
    models : mapping of column name to Model
        Whose predictions are wanted, and what their columns shall be called.
    dataset, parts, label, keep
        Which rows, and which of their columns.
    engine : Engine
        Its `states`, where it has some, keep what is found.

    Returns
    -------
    table : pyarrow.Table
        @label float64, one column a model (float32, of several classes lists of them), the kept columns (text as
        dictionary), @row_id uint64, and @weight float64 where the data set has weights.
    spans : pyarrow.ChunkedArray of string

    Cost: one prediction a row and model of which none is kept. Memory: the table.
    """
    units = units_of(dataset, parts)
    classes = next(iter(models.values())).signature.classes
    about = (label, keep, dataset.roles.positive, classes)
    keeper = _Keeper(models, dataset, label, keep, engine)
    found: dict[int, dict[str, pa.Table]] = {}
    lacking: dict[tuple[str, ...], list[int]] = {}
    for number, unit in enumerate(units):
        found[number] = keeper.find(unit)
        if len(found[number]) < 1 + len(models):
            lacking.setdefault(tuple(name for name in models if name not in found[number]), []).append(number)
    for names, numbers in lacking.items():
        owner = {part: number for number in numbers for part in units[number].parts}
        work = Predict(tuple((name, models[name]) for name in names), *about)
        pieces: dict[int, list[pa.RecordBatch]] = {number: [] for number in numbers}
        for part, rows in engine.map(work, dataset, list(owner)):
            pieces[owner[part]].append(_piece(rows, work))
        for number, batches in pieces.items():
            table = _one_batch(pa.Table.from_batches(batches or [_no_rows(dataset, work)]))
            made = {name: table.select([name]) for name in names} | {_ROWS: table.drop_columns(list(names))}
            keeper.keep(units[number], {name: made[name] for name in made if name not in found[number]})
            found[number] |= made
    tables, spans = [], []
    for number, unit in enumerate(units):
        rows = found[number][_ROWS]
        columns = {LABEL: rows[LABEL], **{name: found[number][name][name] for name in models}}
        columns |= {name: rows[name] for name in rows.column_names}
        tables.append(pa.table(columns))
        spans.append(pa.repeat(unit.name[0], rows.num_rows))
    if not tables:
        work = Predict(tuple(models.items()), *about)
        tables = [pa.Table.from_batches([_no_rows(dataset, work)])]
    return pa.concat_tables(tables), pa.chunked_array(spans, pa.string())


_ROWS = "rows"


class _Keeper:
    """Finds and keeps the rows and predictions of whole parts."""

    def __init__(
        self, models: Mapping[str, Model], dataset: Dataset, label: str, keep: tuple[str, ...], engine: Engine
    ) -> None:
        roles = dataset.roles
        classes = next(iter(models.values())).signature.classes
        self._cache: Any = getattr(engine, "states", None)
        self._tally: Any = getattr(engine, "tally", None)
        # In which types columns are read depends on the spans beside a part, which its digest does not know of.
        types = {item.name: str(item.type) for item in dataset.shared_schema}

        def typed(columns: Sequence[str]) -> dict[str, str | None]:
            return {name: types.get(name) for name in columns}

        self._what: dict[str, Any] = {
            _ROWS: {
                "judged": typed([label]),
                **({} if roles.positive is None else {"positive": roles.positive}),
                **({"classes": list(classes)} if classes else {}),
                "weight": roles.weight,
                "key": list(roles.key),
                "columns": [list(keep), typed(keep)],
            },
            **{
                name: {
                    "predictions of": model.digest,
                    "columns": typed([label, *(column.name for column in model.columns)]),
                    **versions(["onnxruntime"]),
                }
                for name, model in models.items()
            },
        }

    def find(self, unit: Unit) -> dict[str, pa.Table]:
        """The unit's rows and each model's predictions, as far as they are kept."""
        if self._cache is None or unit.rows is None:
            return {}
        found: dict[str, pa.Table] = {}
        for name, what in self._what.items():
            table = self._cache.find_table(self._cache.place(unit.rows, what), _ROWS)
            if table is not None:
                found[name] = table.rename_columns([name]) if name != _ROWS else table
        if len({table.num_rows for table in found.values()}) > 1:
            return {}
        if any(name != _ROWS for name in found):
            self._tally.add(reused=unit.num_rows)
        return found

    def keep(self, unit: Unit, tables: Mapping[str, pa.Table]) -> None:
        """Keep these of the unit's tables."""
        if self._cache is not None and unit.rows is not None:
            for name, table in tables.items():
                self._cache.keep_table(self._cache.place(unit.rows, self._what[name]), _ROWS, table)


def _piece(rows: Rows, work: Predict) -> pa.RecordBatch:
    """What is kept of the work's answer: the models' own columns are let go."""
    names = [LABEL, *(name for name, _ in work.models), *work.keep]
    if rows.row_id is None:
        raise InvalidInput("the engine gave no row ids", expected="row ids: Predict names them among its columns")
    found = {name: rows.batch.column(name) for name in names} | {ROW_ID: to_array(rows.row_id)}
    if rows.weight is not None:
        found[WEIGHT] = to_array(rows.weight)
    return pa.RecordBatch.from_arrays(list(found.values()), list(found))


def _one_batch(table: pa.Table) -> pa.Table:
    """The table in one chunk, each text column with one dictionary."""
    return table.unify_dictionaries().combine_chunks()


def _no_rows(dataset: Dataset, work: Predict) -> pa.RecordBatch:
    schema = dataset.shared_schema
    found = {LABEL: pa.array([], pa.float64())}
    found |= {name: pa.array([], column_type(model.signature.width)) for name, model in work.models}
    found |= {name: _encoded(pa.array([], schema.field(name).type)) for name in work.keep}
    batch = pa.RecordBatch.from_arrays(list(found.values()), list(found))
    nothing = np.zeros(0)
    return _piece(Rows(batch, nothing.astype(np.uint64), nothing if dataset.roles.weight else None), work)
