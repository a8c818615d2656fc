"""Predictions to results: metric folds by slice over a table of labels and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.engine import Engine
from headrace.errors import InvalidInput
from headrace.evaluation._contract import Metric, MetricResult
from headrace.evaluation._results import Plain, Results, SliceResults
from headrace.fold import Rows
from headrace.rules import Value
from headrace.schema import format_moment, kind_of
from headrace.slicing import SliceSpec

__all__ = ["CONSTANT", "Columns", "measure", "to_array"]

Floats = npt.NDArray[np.float64]
Columns = Sequence[str]

CONSTANT = "@constant"


def to_array(values: npt.NDArray[Any]) -> pa.Array:
    """A NumPy array as an Arrow one, without `pa.array`, which imports pandas where that is installed."""
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def measure(
    table: pa.Table,
    metrics: Sequence[Metric],
    specs: Sequence[SliceSpec],
    label: str,
    predictions: Columns,
    engine: Engine,
    *,
    weight: str | None = None,
) -> tuple[list[Results], Results]:
    """Every metric of every column of predictions, overall and by slice, and those of the baseline.

    All rows of the table have a label. One pass; one more for the baseline of metrics of other labels than 0 and 1.
    """
    folds = [metric.needs(label, prediction) for prediction in predictions for metric in metrics]
    dataset = Dataset.from_arrow(table, weight=weight)
    grouped = engine.fold_by_key(folds, [SliceSpec(()), *specs], dataset, dataset.parts())
    cells: list[list[SliceResults]] = [[] for _ in predictions]
    base: list[SliceResults] = []
    share = float("nan")
    constants: dict[str, list[list[Value]]] = {}
    for number, groups in enumerate(grouped):
        results = [fold.extract(state) for fold, state in zip(folds, groups.states, strict=True)]
        names = _slices(groups.keys, groups.num_groups)
        for index, found in enumerate(cells):
            chosen = results[index * len(metrics) : (index + 1) * len(metrics)]
            values = [_values(metric, result) for metric, result in zip(metrics, chosen, strict=True)]
            found += _cells(names, metrics, values)
        of_model = list(zip(metrics, results[: len(metrics)], strict=True))
        if number == 0:
            share = _share(of_model)
            constants = _constants(table, metrics, specs, label, engine, weight, _mean(of_model))
        values = [
            _baseline(metric, result, share) if metric.is_binary else constants[metric.name][number]
            for metric, result in of_model
        ]
        base += _cells(names, metrics, values)
    return [Results(tuple(found)) for found in cells], Results(tuple(base))


def _constants(
    table: pa.Table,
    metrics: Sequence[Metric],
    specs: Sequence[SliceSpec],
    label: str,
    engine: Engine,
    weight: str | None,
    mean: float,
) -> dict[str, list[list[Value]]]:
    """What predicting the mean label for every row would get, by metric and set of slices.

    Metrics of any label alone: how far a constant is from them, only the rows know.
    """
    chosen = [metric for metric in metrics if not metric.is_binary]
    if not chosen:
        return {}
    kept = [label, *([weight] if weight else []), *dict.fromkeys(name for spec in specs for name in spec.columns)]
    rows = table.select(kept).append_column(CONSTANT, to_array(np.full(table.num_rows, mean)))
    dataset = Dataset.from_arrow(rows, weight=weight)
    folds = [metric.needs(label, CONSTANT) for metric in chosen]
    found: dict[str, list[list[Value]]] = {metric.name: [] for metric in chosen}
    for groups in engine.fold_by_key(folds, [SliceSpec(()), *specs], dataset, dataset.parts()):
        for metric, fold, state in zip(chosen, folds, groups.states, strict=True):
            found[metric.name].append(_values(metric, fold.extract(state)))
    return found


def _cells(names: list[dict[str, Plain]], metrics: Sequence[Metric], values: list[list[Value]]) -> list[SliceResults]:
    named = [metric.name for metric in metrics]
    rows = zip(*values, strict=True)
    return [SliceResults(name, dict(zip(named, row, strict=True))) for name, row in zip(names, rows, strict=True)]


def _slices(keys: pa.Table, num_groups: int) -> list[dict[str, Plain]]:
    if not keys.num_columns:
        return [{}]
    columns = [_plain_values(column) for column in keys.columns]
    return [dict(zip(keys.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain_values(column: pa.ChunkedArray) -> list[Plain]:
    kind = kind_of(column.type)
    if kind == "timestamp":
        moments = column.cast(pa.int64()).to_pylist()
        return [None if micros is None else format_moment(micros) or str(micros) for micros in moments]
    if kind == "text":  # bytes that are no UTF-8 are validation's finding, not a crash here
        texts = column.cast(pa.large_binary()).to_pylist()
        return [None if text is None else text.decode("utf-8", "backslashreplace") for text in texts]
    found: list[Plain] = column.to_pylist()
    return found


def _evaluate(metric: Metric, result: MetricResult) -> Floats:
    """The metric's values, NaN wherever a row could not be counted, whatever the metric made of it."""
    values = np.asarray(metric.value(result), np.float64)
    if values.shape != result.num_rows.shape:
        raise InvalidInput(
            f"metric {metric.name!r} gave {values.shape} values", expected=f"one a group: {result.num_rows.shape}"
        )
    return np.where(result.num_invalid > 0, np.nan, values)


def _values(metric: Metric, result: MetricResult) -> list[Value]:
    made = []
    for index, value in enumerate(_evaluate(metric, result).tolist()):
        num_rows, num_invalid = int(result.num_rows[index]), int(result.num_invalid[index])
        reason = ""
        if value != value:
            reason = metric.undefined
            if num_invalid:
                reason = f"{num_invalid} of {num_rows} rows have a label, prediction or weight that it cannot use"
            elif not num_rows:
                reason = "no rows"
            elif result.weight[index] == 0.0:
                reason = "the weights sum to 0"
        made.append(Value(value, num_rows, reason=reason))
    return made


def _share(results: Sequence[tuple[Metric, MetricResult]]) -> float:
    """The mean label over all rows, from the first metric of 0 and 1 labels; NaN when there is none."""
    for metric, result in results:
        if metric.is_binary and result.weight[0] > 0.0:
            return float(result.positive[0] / result.weight[0])
    return float("nan")


def _mean(results: Sequence[tuple[Metric, MetricResult]]) -> float:
    """The mean label over all rows, whatever the labels; NaN when there is none."""
    for metric, result in results:
        if not metric.is_binary and result.weight[0] > 0.0:
            return float(result.positive[0] / result.weight[0])
    return float("nan")


def _baseline(metric: Metric, result: MetricResult, share: float) -> list[Value]:
    """What predicting `share` for every row would get. Two weighted rows stand for the rows of a group."""
    num_groups = len(result.num_rows)
    values = np.full(num_groups, np.nan)
    if share == share:
        columns = {"label": np.repeat([1.0, 0.0], num_groups), "prediction": np.full(2 * num_groups, share)}
        batch = pa.RecordBatch.from_arrays([to_array(column) for column in columns.values()], list(columns))
        weights = np.concatenate([result.positive, result.weight - result.positive])
        groups = np.tile(np.arange(num_groups, dtype=np.int32), 2)
        fold = metric.needs("label", "prediction")
        state = fold.add(fold.create(num_groups), Rows(batch, None, weights), groups)
        values = _evaluate(metric, fold.extract(state))
    return [
        Value(value, num_rows, reason=metric.undefined if value != value else "")
        for value, num_rows in zip(values.tolist(), result.num_rows.tolist(), strict=True)
    ]
