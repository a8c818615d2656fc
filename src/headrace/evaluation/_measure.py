"""Predictions to results: metric folds by slice over a table of labels and predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset.rows import as_floats, to_array
from headrace.engine import Engine
from headrace.errors import InvalidInput
from headrace.evaluation._contract import Metric, MetricResult, fold_of, ratio
from headrace.evaluation._cuts import Cuts
from headrace.evaluation._judged import Judged
from headrace.evaluation._queries import QUERY
from headrace.evaluation._results import Plain, Results, SliceResults
from headrace.evaluation._shelf import Shelf, one_chunk
from headrace.evaluation._spread import Spread, is_of_all_cuts, spreads_of
from headrace.fold import ClassTotals, ClassTotalsResult, LabelTotals, LabelTotalsResult, Rows
from headrace.model.answers import read_column, to_column
from headrace.rules import Value
from headrace.schema import format_moment, kind_of
from headrace.slicing import SliceSpec

__all__ = ["CONSTANT", "Columns", "judged_rows", "measure"]

Floats = npt.NDArray[np.float64]
Columns = Sequence[str]

CONSTANT = "@constant"


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
    shelf: Shelf | None = None,
) -> tuple[list[Results], Results]:
    """Every metric of every column of predictions, overall and by slice, and those of the baseline.

    All rows of the table have a label. Each row's groups are worked out once, for all metrics; then one pass for each
    fold, one for the baseline of metrics of other labels than 0 and 1, and one for the intervals. With `num_classes`
    predictions are lists of so many numbers, and the baseline is what share of all rows each class has.
    """
    cuts = [SliceSpec(()), *specs]
    judged = judged_rows(table, label, predictions, weight, row_id, shelf)
    rows = Cuts.of(table, cuts, judged, weight, engine)
    folds = [
        fold_of(metric, label, prediction, num_classes, is_labels=judged.is_labels)
        for prediction in predictions
        for metric in metrics
    ]
    of_classes = LabelTotals if judged.is_labels else ClassTotals
    results = rows.fold([*folds, *([of_classes(label, predictions[0], num_classes)] if num_classes else [])])
    of_model = list(zip(metrics, results[0][: len(metrics)], strict=True))
    share: Any = _mean(of_model, is_binary=True)
    mean: Any = _mean(of_model, is_binary=False)
    if num_classes:
        share = mean = _shares(results[0][-1])
    constants = _constants(table, metrics, rows, label, mean)
    with_constant = {
        is_binary: judged.with_constant(share if is_binary else mean)
        for is_binary in {metric.is_binary for metric in metrics}
    }

    def of_cuts(asked: tuple[int, Sequence[int]]) -> list[list[list[Value]]]:
        """Values of a metric by cut, model and group."""
        index, numbers = asked
        metric, by_cut = metrics[index], []
        for number in numbers:
            by_model = results[number][index : len(folds) : len(metrics)]
            is_told = metric.is_binary and not num_classes  # by the weights of the two classes alone
            made = _of_constant(metric, by_model[0], share) if is_told else constants[index][number]
            by_cut.append([*by_model, made])
        cuts = [rows.cuts[number] for number in numbers]
        spreads = spreads_of(metric, with_constant[metric.is_binary], cuts, by_cut)
        last = len(predictions)
        return [
            [
                _values(metric, one, found[0], spread, model, is_constant=model == last, is_class=num_classes > 0)
                for model, one in enumerate(found)
            ]
            for found, spread in zip(by_cut, spreads, strict=True)
        ]

    every = range(len(rows.cuts))
    asked: list[tuple[int, Sequence[int]]] = []
    for index, metric in enumerate(metrics):
        together = is_of_all_cuts(metric, with_constant[metric.is_binary], rows.cuts)
        asked += [(index, every)] if together else [(index, (number,)) for number in every]
    values: list[list[list[list[Value]]]] = [[] for _ in metrics]
    for (index, _), found in zip(asked, rows.each(of_cuts, asked), strict=True):
        values[index] += found
    cells: list[list[SliceResults]] = [[] for _ in range(len(predictions) + 1)]
    for number, keys in enumerate(rows.keys):
        names = _slices(keys, rows.cuts[number].num_groups)
        for model, of_model_cells in enumerate(cells):
            of_model_cells += _cells(names, metrics, [of_one[number][model] for of_one in values])
    return [Results(tuple(one)) for one in cells[:-1]], Results(tuple(cells[-1]))


def judged_rows(
    table: pa.Table,
    label: str,
    predictions: Columns,
    weight: str | None,
    row_id: pa.ChunkedArray | None,
    shelf: Shelf | None = None,
) -> Judged:
    """The rows of a table, as arrays."""
    shelf = shelf or Shelf()

    def floats(name: str) -> Floats:
        return shelf.put(_numbers(block, name) for block in shelf.blocks(table[name]))

    ids = None
    if row_id is not None and len(row_id):
        whole = one_chunk(row_id)  # by its buffer: to_numpy imports pandas where that is installed
        ids = np.frombuffer(whole.buffers()[1], np.uint64, count=whole.offset + len(whole))[whole.offset :]
    weights = None if weight is None else floats(weight)
    query = None
    if QUERY in table.column_names:
        whole = one_chunk(table[QUERY])
        query = np.frombuffer(whole.buffers()[1], np.uint64, count=whole.offset + len(whole))[whole.offset :]
        ids = query  # rows of one query are one witness
    return Judged(floats(label), tuple(map(floats, predictions)), weights, ids, query, shelf)


def _numbers(column: pa.Array, name: str) -> Floats:
    """A column as float64[num_rows], of several classes [num_rows, num_classes]."""
    if pa.types.is_fixed_size_list(column.type):
        return read_column(column).astype(np.float64) + 0.0
    return as_floats(column, name) + 0.0


def _constants(table: pa.Table, metrics: Sequence[Metric], rows: Cuts, label: str, mean: Any) -> dict[int, list[Any]]:
    """What predicting the mean label for every row comes to, by place of the metric and cut.

    Metrics of any label alone: how far a constant is from them, only the rows know. Of several classes all metrics, and
    the constant is the classes' shares.
    """
    num_classes = np.size(mean) if np.ndim(mean) else 0
    chosen = [place for place, metric in enumerate(metrics) if num_classes or not metric.is_binary]
    if not chosen:
        return {}
    told = np.full((table.num_rows, num_classes), mean, np.float32) if num_classes else None
    constant = to_array(np.full(table.num_rows, mean)) if told is None else to_column(told)
    is_labels = pa.types.is_fixed_size_list(table.schema.field(label).type)
    kept = [name for name in (label, QUERY) if name in table.column_names]
    results = rows.on(table.select(kept).append_column(CONSTANT, constant)).fold(
        [fold_of(metrics[place], label, CONSTANT, num_classes, is_labels=is_labels) for place in chosen]
    )
    return {place: [found[turn] for found in results] for turn, place in enumerate(chosen)}


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
    values, invalid = _evaluate(metric, result).tolist(), result.num_invalid.tolist()
    nowhere: list[None] = [None] * len(values)
    has_champion = place == 0 and last > 1
    columns = (
        of_model.num_rows.tolist(),
        spread.std_error[place].tolist(),
        spread.support[place].tolist(),
        spread.centre[place].tolist(),
        spread.freedom[place].tolist(),
        spread.covariance[1].tolist() if has_champion else nowhere,
        spread.apart_freedom[1].tolist() if has_champion else nowhere,
        spread.covariance[last].tolist() if place == 0 else nowhere,
        spread.apart_freedom[last].tolist() if place == 0 else nowhere,
    )
    for index, (value, row) in enumerate(zip(values, zip(*columns, strict=True), strict=True)):
        num_rows, num_invalid = row[0], invalid[index]
        if value == value:
            made.append(
                Value.measured(
                    value,
                    num_rows,
                    std_error=row[1],
                    support=row[2],
                    limits=limits,
                    centre=row[3] if math.isfinite(row[3]) else None,
                    freedom=row[4],
                    with_champion=row[5],
                    champion_freedom=row[6],
                    with_baseline=row[7],
                    baseline_freedom=row[8],
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
    if isinstance(result, LabelTotalsResult):
        return ratio(result.labelled[0], result.weight[0]).astype(np.float32)
    weights = result.labelled[0, :-1]
    total = float(np.add.accumulate(weights)[-1])
    return (weights / total if total > 0.0 else np.full(len(weights), np.nan)).astype(np.float32)


def _mean(results: Sequence[tuple[Metric, MetricResult]], *, is_binary: bool) -> float:
    """The mean label over all rows, from the first metric of such labels; NaN when there is none."""
    for metric, result in results:
        if metric.is_binary == is_binary and result.weight[0] > 0.0:
            return float(result.positive[0] / result.weight[0])
    return float("nan")
