"""Predictions to results: metric folds by slice over a table of labels and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset import Dataset
from headrace.dataset.rows import as_floats
from headrace.engine import Engine
from headrace.engine.grouping import GroupTable
from headrace.errors import InvalidInput
from headrace.evaluation._contract import Metric, MetricResult, fold_of
from headrace.evaluation._results import Plain, Results, SliceResults
from headrace.evaluation._spread import Judged, Spread, spread_of
from headrace.fold import ClassTotals, ClassTotalsResult, Rows
from headrace.model.answers import read_column, to_column
from headrace.rules import Value
from headrace.schema import format_moment, kind_of
from headrace.slicing import SliceSpec

__all__ = ["CONSTANT", "Columns", "measure", "one_chunk", "to_array"]

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
    row_id: pa.ChunkedArray | None = None,
    num_classes: int = 0,
) -> tuple[list[Results], Results]:
    """Every metric of every column of predictions, overall and by slice, and those of the baseline.

    All rows of the table have a label. One pass; one more for the baseline of metrics of other labels than 0 and 1;
    then one over the arrays for the intervals. With `num_classes` predictions are lists of so many numbers, and the
    baseline is what share of all rows each class has.
    """
    folds = [fold_of(metric, label, prediction, num_classes) for prediction in predictions for metric in metrics]
    if num_classes:
        folds.append(ClassTotals(label, predictions[0], num_classes))
    dataset = Dataset.from_arrow(table, weight=weight)
    cuts = [SliceSpec(()), *specs]
    grouped = engine.fold_by_key(folds, cuts, dataset, dataset.parts())
    judged = _judged(table, label, predictions, weight, row_id)
    cells: list[list[SliceResults]] = [[] for _ in range(len(predictions) + 1)]
    share: Any = float("nan")
    mean: Any = float("nan")
    constants: dict[int, list[Any]] = {}
    with_constant: dict[bool, Judged] = {}
    for number, (cut, groups) in enumerate(zip(cuts, grouped, strict=True)):
        results = [fold.extract(state) for fold, state in zip(folds, groups.states, strict=True)]
        names = _slices(groups.keys, groups.num_groups)
        of_model = list(zip(metrics, results[: len(metrics)], strict=True))
        if number == 0:
            share, mean = _mean(of_model, is_binary=True), _mean(of_model, is_binary=False)
            if num_classes:
                share = mean = _shares(results[-1])
            constants = _constants(table, metrics, specs, label, engine, weight, mean)
            with_constant = {
                is_binary: judged.with_constant(share if is_binary else mean)
                for is_binary in {metric.is_binary for metric in metrics}
            }
        row_groups = _row_groups(cut, table)
        values: list[list[list[Value]]] = [[] for _ in cells]
        for index, metric in enumerate(metrics):
            by_model = [results[model * len(metrics) + index] for model in range(len(predictions))]
            is_told = metric.is_binary and not num_classes  # by the weights of the two classes alone
            by_model.append(_of_constant(metric, by_model[0], share) if is_told else constants[index][number])
            spread = spread_of(metric, with_constant[metric.is_binary], row_groups, by_model)
            for model, result in enumerate(by_model):
                is_constant = model == len(predictions)
                values[model].append(
                    _values(
                        metric, result, by_model[0], spread, model, is_constant=is_constant, is_class=num_classes > 0
                    )
                )
        for found, of_one in zip(cells, values, strict=True):
            found += _cells(names, metrics, of_one)
    return [Results(tuple(found)) for found in cells[:-1]], Results(tuple(cells[-1]))


def _judged(
    table: pa.Table, label: str, predictions: Columns, weight: str | None, row_id: pa.ChunkedArray | None
) -> Judged:
    def floats(name: str) -> Floats:
        return as_floats(one_chunk(table[name]), name) + 0.0

    ids = None
    if row_id is not None and len(row_id):
        whole = one_chunk(row_id)  # by its buffer: to_numpy imports pandas where that is installed
        ids = np.frombuffer(whole.buffers()[1], np.uint64, count=whole.offset + len(whole))[whole.offset :]
    weights = None if weight is None else floats(weight)
    return Judged(floats(label), tuple(_numbers(table[name], name) for name in predictions), weights, ids)


def _numbers(column: pa.ChunkedArray, name: str) -> Floats:
    """Predictions as float64[num_rows], of several classes [num_rows, num_classes]."""
    if pa.types.is_fixed_size_list(column.type):
        return read_column(column).astype(np.float64) + 0.0
    return as_floats(one_chunk(column), name) + 0.0


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _row_groups(cut: SliceSpec, table: pa.Table) -> npt.NDArray[np.int32]:
    """The group of each row, in the order of the engine's answer."""
    if not cut.columns:
        return np.zeros(table.num_rows, np.int32)
    numbers = GroupTable(cut.columns)
    found = [numbers.number(batch) for batch in table.select(list(cut.columns)).to_batches()]
    _, place, _ = numbers.finish()
    met = [one for one in found if one is not None]
    return place[np.concatenate(met)] if met else np.zeros(0, np.int32)


def _constants(
    table: pa.Table,
    metrics: Sequence[Metric],
    specs: Sequence[SliceSpec],
    label: str,
    engine: Engine,
    weight: str | None,
    mean: Any,
) -> dict[int, list[Any]]:
    """What predicting the mean label for every row comes to, by place of the metric and set of slices.

    Metrics of any label alone: how far a constant is from them, only the rows know. Of several classes all metrics, and
    the constant is the classes' shares.
    """
    num_classes = np.size(mean) if np.ndim(mean) else 0
    chosen = {place: metric for place, metric in enumerate(metrics) if num_classes or not metric.is_binary}
    if not chosen:
        return {}
    kept = [label, *([weight] if weight else []), *dict.fromkeys(name for spec in specs for name in spec.columns)]
    told = np.full((table.num_rows, num_classes), mean, np.float32) if num_classes else None
    constant = to_array(np.full(table.num_rows, mean)) if told is None else to_column(told)
    rows = table.select(kept).append_column(CONSTANT, constant)
    dataset = Dataset.from_arrow(rows, weight=weight)
    folds = {place: fold_of(metric, label, CONSTANT, num_classes) for place, metric in chosen.items()}
    found: dict[int, list[Any]] = {place: [] for place in chosen}
    for groups in engine.fold_by_key(list(folds.values()), [SliceSpec(()), *specs], dataset, dataset.parts()):
        for (place, fold), state in zip(folds.items(), groups.states, strict=True):
            found[place].append(fold.extract(state))
    return found


def _of_constant(metric: Metric, result: MetricResult, share: float) -> Any:
    """What predicting `share` for every row comes to. Two weighted rows stand for the rows of a group."""
    num_groups = len(result.num_rows)
    columns = {"label": np.repeat([1.0, 0.0], num_groups), "prediction": np.full(2 * num_groups, share)}
    batch = pa.RecordBatch.from_arrays([to_array(column) for column in columns.values()], list(columns))
    weights = np.concatenate([result.positive, result.weight - result.positive])
    groups = np.tile(np.arange(num_groups, dtype=np.int32), 2)
    fold = metric.needs("label", "prediction")
    return fold.extract(fold.add(fold.create(num_groups), Rows(batch, None, weights), groups))


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


def _values(
    metric: Metric,
    result: MetricResult,
    of_model: MetricResult,
    spread: Spread,
    place: int,
    *,
    is_constant: bool,
    is_class: bool = False,
) -> list[Value]:
    """The metric of one model in every group; `place` is the model's in the spread, 0 that of the model judged."""
    last = len(spread.std_error) - 1
    limits = metric.limits if metric.class_limits is None or not is_class else metric.class_limits
    made = []
    for index, value in enumerate(_evaluate(metric, result).tolist()):
        num_rows, num_invalid = int(of_model.num_rows[index]), int(result.num_invalid[index])
        if value == value:
            made.append(
                Value.measured(
                    value,
                    num_rows,
                    std_error=float(spread.std_error[place][index]),
                    support=float(spread.support[place][index]),
                    limits=limits,
                    with_champion=float(spread.covariance[1][index]) if place == 0 and last > 1 else None,
                    with_baseline=float(spread.covariance[last][index]) if place == 0 else None,
                )
            )
            continue
        reason = metric.undefined
        if not is_constant:
            if num_invalid:
                reason = f"{num_invalid} of {num_rows} rows have a label, prediction or weight that it cannot use"
            elif not num_rows:
                reason = "no rows"
            elif result.weight[index] == 0.0:
                reason = "the weights sum to 0"
        made.append(Value(value, num_rows, reason=reason))
    return made


def _shares(result: ClassTotalsResult) -> npt.NDArray[np.float32]:
    """Of all rows the share that each class has, float32[num_classes]; rows of no class are left out."""
    weights = result.labelled[0, :-1]
    total = float(np.add.accumulate(weights)[-1])
    return (weights / total if total > 0.0 else np.full(len(weights), np.nan)).astype(np.float32)


def _mean(results: Sequence[tuple[Metric, MetricResult]], *, is_binary: bool) -> float:
    """The mean label over all rows, from the first metric of such labels; NaN when there is none."""
    for metric, result in results:
        if metric.is_binary == is_binary and result.weight[0] > 0.0:
            return float(result.positive[0] / result.weight[0])
    return float("nan")
