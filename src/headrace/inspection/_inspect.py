"""inspect: importance by dealing values out anew, dependence by setting them, and simpler models beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.dataset.hashing import keyed_uniform
from headrace.dataset.rows import as_classes, as_labels, filter_rows, to_array
from headrace.engine import Engine, LocalEngine, Work
from headrace.errors import InvalidInput, Misuse
from headrace.evaluation import Metric, fold_of, make_metrics
from headrace.fold import ROW_ID, Rows
from headrace.inspection._ablation import Groups, groups_of, refit
from headrace.inspection._inspection import Ablation, Dependence, Importance, Inspection, Point, Simpler
from headrace.inspection._linear import cross_fitted
from headrace.kinds import PLAIN_KINDS, arrow_type, canonical_array
from headrace.model import InputColumn, Model
from headrace.model.answers import to_column
from headrace.progress import track

__all__ = ["inspect"]

Floats = npt.NDArray[np.float64]

_DEFAULTS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}
_NUM_REPEATS = 5
_MOST_ASKED = 400
_NUM_STEPS = 15
_MOST_VALUES = 10
_RAREST = 0.005  # of texts: names of single things say nothing
_SURE = 1.96
_LABEL = "@label"


def inspect(
    model: Model,
    dataset: Dataset,
    *,
    metric: str | Metric | None = None,
    max_rows: int = 10_000,
    ablate: Groups = False,
    trainer: Any = None,
    graph: Any = None,
    engine: Engine | None = None,
) -> Inspection:
    """What a model makes of its columns, on rows of split `eval`.

    Call it after `evaluate`, when a model is good enough and you want to know why. A data set without splits is drawn
    from whole.

    Parameters
    ----------
    model : Model
        Of one number a row, or of several classes.
    dataset : Dataset
        With a label. About `max_rows` of its labelled rows are drawn by their row ids: the same ones every time.
    metric : str or Metric, optional
        What importance is measured in; roc_auc, log_loss for several classes, root_mean_squared_error for values.
    max_rows : int
        From 100. Intervals get narrower with its root.
    ablate : bool, or sequence of str or of sequences of str
        Features that are left out, each or each list of them in its turn, of models that are fitted again; True for
        every one by itself.
    trainer, graph
        What fits them: those that the model is of. Only with `ablate`.
    engine : Engine, optional
        Threads of this machine by default.

    Returns
    -------
    Inspection
        *Importance* of a column: its values are dealt out anew among the rows, five times, and the metric's loss is
        taken; the interval covers other rows (by the metric's influence function) and other deals. Columns that say
        nearly the same stand in for each other, so that each may look idle: drop one, and inspect again.
        *Dependence*: every one of up to 400 rows is asked with the column at one value after the other; where columns
        hang together some of these rows could not exist. Of several classes there is none.
        *Simpler*: the mean label, and a linear model that is fitted on half of the rows and judged on the other, in
        turn.
        *Ablation*: the metric of a model that the trainer fits without these features on the same rows, beside one that
        it fits with all.

    Raises Misuse for a data set without a label (for ablation: without splits), InvalidInput for fewer than 20 labelled
    rows, UnknownName for an unknown metric or feature, or a column the data set lacks.
    Cost: 5 predictions a row and column, and 6,000 a column: 3 s for 10,000 rows of 15 columns. Ablation fits once for
    each group and once more.

    Source: Breiman, "Random forests" (2001), section 10; Friedman, "Greedy function approximation" (2001), section 8.2.
    """
    if dataset.roles.label is None:
        raise Misuse("the data set has no label", fix="name one: label='...'")
    if max_rows < 100:
        raise InvalidInput(f"max_rows {max_rows}", where="inspect", expected="at least 100")
    num_classes = len(model.signature.classes)
    named = _DEFAULTS[model.signature.task] if metric is None else metric
    chosen = make_metrics([named], num_classes=num_classes, classes=model.signature.classes)[0]
    drawn = _draw(model, dataset, max_rows, engine or LocalEngine())
    if len(drawn.label) < 20:
        raise InvalidInput(f"{len(drawn.label)} rows with a label", where="inspect", expected="at least 20")
    ablation = _ablation(trainer, graph, dataset, ablate, drawn, chosen)
    judged = drawn.judge(chosen, drawn.ask(model, drawn.table))
    importance = tuple(
        sorted(
            (_importance(model, drawn, chosen, column, judged) for column in track(model.columns, "inspecting")),
            key=lambda one: (-one.drop, one.column),
        )
    )
    few = drawn.few()
    by_name = {column.name: column for column in model.columns}
    shown = [by_name[one.column] for one in importance if one.column not in model.signature.sensitive]
    if num_classes:
        shown = []
    return Inspection(
        model_digest=model.digest,
        metric=chosen.name,
        higher_is_better=chosen.higher_is_better,
        value=judged.value,
        num_rows=len(drawn.label),
        num_asked=few.num_rows,
        importance=importance,
        dependence=tuple(_dependence(model, few, drawn.table, column) for column in shown if _has_values(column)),
        simpler=_simpler(model, drawn, chosen, judged),
        ablation=ablation,
    )


@dataclass(frozen=True)
class _Judged:
    """A metric's value, and each row's part in its error: weight x influence."""

    value: float
    moves: Floats | None


@dataclass(frozen=True)
class _Draw(Work):
    """The labelled rows whose draw is below a bound."""

    names: tuple[str, ...]
    label: str
    bound: int
    positive: str | int | float | bool | None = None
    classes: tuple[str | int, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.names, self.label, ROW_ID]))

    def __call__(self, rows: Rows) -> Rows:
        column = rows.batch.column(self.label)
        if self.classes:
            labels = as_classes(column, self.label, self.classes)
        else:
            labels = as_labels(column, self.label, self.positive)
        assert rows.row_id is not None
        kept = ~np.isnan(labels) & (keyed_uniform(rows.row_id, "inspect") <= np.uint64(self.bound))
        rows = filter_rows(rows, kept)
        found = {name: canonical_array(rows.batch.column(name), name=name) for name in self.names}
        found[_LABEL] = to_array(labels[kept])
        return Rows(pa.RecordBatch.from_arrays(list(found.values()), list(found)), rows.row_id, rows.weight)


@dataclass(frozen=True)
class _Drawn:
    """The rows that are asked about."""

    table: pa.Table
    label: Floats
    weight: Floats | None
    row_id: npt.NDArray[np.uint64]

    def ask(self, model: Model, table: pa.Table) -> Floats:
        return np.asarray(model(table), np.float64)

    def judge(self, metric: Metric, prediction: Floats) -> _Judged:
        """The metric over all rows."""
        num_classes = prediction.shape[1] if prediction.ndim > 1 else 0
        fold = fold_of(metric, _LABEL, "@prediction", num_classes)
        told = to_column(prediction.astype(np.float32)) if num_classes else to_array(prediction)
        batch = pa.RecordBatch.from_arrays([to_array(self.label), told], [_LABEL, "@prediction"])
        result = fold.extract(fold.add(fold.create(1), Rows(batch, self.row_id, self.weight), None))
        groups = np.zeros(len(self.label), np.int32)
        moves = metric.influence(self.label, prediction, groups, result)
        if moves is not None and self.weight is not None:
            moves = moves * self.weight
        return _Judged(float(metric.value(result)[0]), moves)

    def few(self) -> pa.Table:
        order = np.argsort(keyed_uniform(self.row_id, "inspect few"), kind="stable")[:_MOST_ASKED]
        return self.table.take(to_array(np.sort(order)))


def _draw(model: Model, dataset: Dataset, max_rows: int, engine: Engine) -> _Drawn:
    parts = dataset.parts(None if dataset.split is None else "eval")
    total = sum(dataset.expected_rows(part) or 0 for part in parts)
    most = (1 << 64) - 1
    bound = most if total <= max_rows else int(most * (max_rows / total))
    names = tuple(column.name for column in model.columns)
    assert dataset.roles.label is not None
    work = _Draw(names, dataset.roles.label, bound, dataset.roles.positive, tuple(model.signature.classes))
    pieces = [rows for _, rows in engine.map(work, dataset, parts)]
    if not pieces:
        raise InvalidInput("0 rows with a label", where="inspect", expected="at least 20")
    # Columns that are all null in one span and not in another.
    columns = {
        name: pa.chunked_array(_alike([rows.batch.column(name) for rows in pieces])).combine_chunks()
        for name in (*names, _LABEL)
    }
    label = np.concatenate([rows.batch.column(_LABEL).to_numpy(zero_copy_only=False) for rows in pieces])
    del columns[_LABEL]
    weights = [rows.weight for rows in pieces if rows.weight is not None]
    row_id = np.concatenate([rows.row_id for rows in pieces if rows.row_id is not None])
    return _Drawn(pa.table(columns), label, np.concatenate(weights) if weights else None, row_id)


def _alike(arrays: Sequence[pa.Array]) -> list[pa.Array]:
    kind = next((array.type for array in arrays if not pa.types.is_null(array.type)), arrays[0].type)
    return [array.cast(kind) for array in arrays]


def _worse(metric: Metric, before: float, after: float) -> float:
    return before - after if metric.higher_is_better else after - before


def _importance(model: Model, drawn: _Drawn, metric: Metric, column: InputColumn, judged: _Judged) -> Importance:
    place = drawn.table.schema.get_field_index(column.name)
    values = drawn.table.column(place)
    drops, moves = [], []
    for repeat in range(_NUM_REPEATS):
        # Rows are put in the order of one draw, values in that of another, so that neither depends on how they came.
        salt = f"inspect {column.name} {repeat}"
        to, source = (np.argsort(keyed_uniform(drawn.row_id, f"{salt} {end}"), kind="stable") for end in "ab")
        order = np.empty(len(to), np.int64)
        order[to] = source
        dealt = drawn.table.set_column(place, column.name, values.take(to_array(order)))
        again = drawn.judge(metric, drawn.ask(model, dealt))
        drops.append(_worse(metric, judged.value, again.value))
        if judged.moves is not None and again.moves is not None:
            moves.append(again.moves - judged.moves)
    mean = float(np.mean(drops))
    variance = float(np.var(drops, ddof=1)) / _NUM_REPEATS
    if moves:
        variance += float(np.sum(np.mean(moves, axis=0) ** 2))
    half = _SURE * math.sqrt(variance)
    return Importance(column.name, mean, mean - half, mean + half)


def _has_values(column: InputColumn) -> bool:
    return column.kind in PLAIN_KINDS and column.kind != "null"


def _grid(values: pa.Array, kind: str) -> list[tuple[Any, float | None]]:
    """The values a column is set to, each with its share where values are counted."""
    known = values.drop_null()
    found: list[tuple[Any, float | None]] = []
    if kind in ("text", "boolean"):
        counted = [(one["values"], one["counts"]) for one in pc.value_counts(known).to_pylist()]
        counted.sort(key=lambda one: (-one[1], one[0]))
        found = [(value, num / len(values)) for value, num in counted[:_MOST_VALUES] if num >= _RAREST * len(values)]
    elif len(known):
        numbers = known.cast(pa.int64()) if kind == "timestamp" else known
        array = np.asarray(numbers.to_numpy(zero_copy_only=False))
        array = np.sort(array[np.isfinite(array)] if array.dtype.kind == "f" else array)
        if len(array):
            places = np.unique(np.round(np.linspace(0.01, 0.99, _NUM_STEPS) * (len(array) - 1)).astype(np.int64))
            found = [(value, None) for value in np.unique(array[places]).tolist()]
    if values.null_count and len(known):
        found.append((None, values.null_count / len(values)))
    return found


def _dependence(model: Model, few: pa.Table, table: pa.Table, column: InputColumn) -> Dependence:
    grid = _grid(canonical_array(table[column.name]), column.kind)
    place = few.schema.get_field_index(column.name)
    type_, raw = arrow_type(column.kind), pa.int64() if column.kind == "timestamp" else arrow_type(column.kind)
    points = []
    for value, share in grid:
        fixed = pa.repeat(pa.scalar(value, raw), few.num_rows).cast(type_)
        told = np.asarray(model(few.set_column(place, column.name, fixed)), np.float64)
        low, high = np.quantile(told, [0.1, 0.9])
        points.append(Point(value, float(np.mean(told)), float(low), float(high), share))
    return Dependence(column.name, column.kind, tuple(points))


def _ablation(
    trainer: Any, graph: Any, dataset: Dataset, asked: Groups, drawn: _Drawn, metric: Metric
) -> tuple[Ablation, ...]:
    if not asked:
        return ()
    groups = () if graph is None else groups_of(asked, graph.feature_names)
    whole, again = refit(
        trainer, graph, dataset, groups, lambda model: drawn.judge(metric, drawn.ask(model, drawn.table))
    )
    found = []
    for group, one in zip(groups, again, strict=True):
        drop, lower, upper = _apart(metric, whole, one)
        found.append(Ablation(group, one.value, drop, lower, upper))
    return tuple(sorted(found, key=lambda one: (-one.drop, one.features)))


def _apart(metric: Metric, judged: _Judged, again: _Judged) -> tuple[float, float | None, float | None]:
    """How much worse another model is on the same rows, with the 95 % interval over other rows."""
    worse = _worse(metric, judged.value, again.value)
    if judged.moves is None or again.moves is None or not math.isfinite(worse):
        return worse, None, None
    half = _SURE * math.sqrt(float(np.sum((again.moves - judged.moves) ** 2)))
    return worse, worse - half, worse + half


def _simpler(model: Model, drawn: _Drawn, metric: Metric, judged: _Judged) -> tuple[Simpler, ...]:
    part = keyed_uniform(drawn.row_id, "inspect half") < np.uint64(1 << 63)
    is_binary = model.signature.task != "regression"

    def both(label: Floats) -> tuple[Floats, Floats]:
        """What a constant and a linear model say of a label of one number."""
        weights = np.ones(len(label)) if drawn.weight is None else drawn.weight
        total = float(np.sum(weights))
        mean = float(np.sum(weights * label)) / total if total > 0 else math.nan
        names = drawn.table.column_names
        return np.full(len(label), mean), cross_fitted(
            drawn.table, names, label, drawn.weight, part, is_binary=is_binary
        )

    num_classes = len(model.signature.classes)
    if num_classes:  # each class against the others, and then as shares
        several = [both((drawn.label == place).astype(np.float64)) for place in range(num_classes)]
        constant, linear = (np.stack(one, axis=1) for one in zip(*several, strict=True))
        linear = linear / np.sum(linear, axis=1, keepdims=True)
    else:
        constant, linear = both(drawn.label)
    found = []
    for name, prediction in (("constant", constant), ("linear", linear)):
        again = drawn.judge(metric, prediction)
        found.append(Simpler(name, again.value, *_apart(metric, judged, again)))
    return tuple(found)
