"""evaluate: a model, or predictions made elsewhere, on rows with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.dataset import Dataset, Part
from headrace.dataset.hashing import row_ids
from headrace.dataset.manifest import part_name
from headrace.dataset.rows import as_classes, as_floats, as_label_sets, as_weights, from_bools, to_array
from headrace.dataset.tables import as_table
from headrace.engine import Engine, LocalEngine
from headrace.errors import InvalidInput, InvalidSchema, Misuse, TrainingRows, UnknownName
from headrace.evaluation._contract import Metric, make_metrics, member_name
from headrace.evaluation._evaluation import Evaluation
from headrace.evaluation._given import as_lists, classes_of, is_list
from headrace.evaluation._measure import CONSTANT, judged_rows, measure
from headrace.evaluation._predicting import LABEL, WEIGHT, predict
from headrace.evaluation._queries import QUERY
from headrace.evaluation._shares import of_own
from headrace.evaluation._shelf import Shelf, one_chunk
from headrace.evaluation._weak_slices import WeakSlice, WeakSlices, find_weak_slices
from headrace.fold import ROW_ID
from headrace.model import Model
from headrace.model.answers import to_column
from headrace.slicing import SliceSpec, Written, parse_slices

__all__ = ["evaluate", "evaluate_predictions"]

_PREDICTION, _CHAMPION = "@prediction", "@champion"
_OWN = (LABEL, _PREDICTION, _CHAMPION, CONSTANT, WEIGHT, QUERY)

Slices = Sequence[Written]
FindSlices = bool | Sequence[str] | WeakSlices


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    metrics: Sequence[str | Metric],
    slices: Slices = (),
    champion: Model | None = None,
    allow_training_rows: bool = False,
    find_slices: FindSlices = False,
    query: str | None = None,
    engine: Engine | None = None,
) -> Evaluation:
    """How good a model is on the rows of split `eval`, overall and on slices.

    Call it before `gate`; a data set without splits is judged whole. The predictions are the model's own graph's, the
    same bits it will serve.

    Parameters
    ----------
    model : Model
        What is judged.
    dataset : Dataset
        With a label. Rows without one are left out and counted in `num_dropped`.
    metrics : sequence of str or Metric
        Names ("roc_auc") or instances (`CostWeightedError(fp=1, fn=5)`).
    slices : sequence of str, mapping, or sequences of these
        Columns by whose values rows are sliced; a list of columns is their cross. Ranges of a number
        (`{"distance": [500, 1000]}`) and conditions (`"dep_delay > 60 and carrier == AA"`) may stand where columns do.
    champion : Model, optional
        Judged on the same rows, for rules that compare with it. One that does not take these rows, because a column
        has gone or is of another kind now, is left out, and `champion_reason` says why.
    allow_training_rows : bool
        Whether rows the model was fitted on may be judged.
    find_slices : bool, sequence of str, or WeakSlices
        Whether to look for slices on which the model is worse than elsewhere: in every column, or in these. What is
        found is in `weak_slices`.
    query : str, optional
        A column whose equal values are one ranked list, for metrics such as `ndcg`; intervals then draw whole queries.
        Its rows are those of the split judged: key the data set by it, so that none is cut apart.
    engine : Engine, optional
        Who asks the models; threads of this machine by default. Of the threads that measure it says how many.

    Returns
    -------
    Evaluation
        Metrics that are not defined on a slice (one class, no rows) are NaN with a reason, never an exception.

    Raises TrainingRows; UnknownName for an unknown metric, column, or a data set with splits but no `eval`.
    Cost: one prediction a row and model, then about 20 ns a row, metric and set of slices. Memory: the predictions; all
    else that is known of rows lies on disk where it would take more than a quarter of the setting `memory_mb`.
    """
    label = dataset.roles.label
    if label is None:
        raise Misuse("the data set has no label", fix="name one: label='...'")
    classes = model.signature.classes
    chosen = make_metrics(metrics, num_classes=len(classes), classes=classes, has_queries=query is not None)
    if query is not None and query not in dataset.column_names:
        raise UnknownName("column", query, dataset.column_names, where="query")
    specs = _specs(slices, dataset.column_names)
    roles = dataset.roles
    looking = _looking(find_slices, dataset.column_names, (label, roles.weight, *roles.key, query))
    split = None if dataset.split is None else "eval"
    parts = dataset.parts(split)
    digests = _judged_parts(dataset, parts)
    if not allow_training_rows:
        _refuse_training_rows(model, digests)
    cut_by = [*(name for spec in specs for name in _read(spec)), *(looking[1] if looking else ())]
    keep = tuple(dict.fromkeys([*cut_by, *([] if query is None else [query])]))
    engine = engine or LocalEngine()
    champion_reason = "" if champion is None else _why_other(model, champion)
    models = {_PREDICTION: model} | ({} if champion is None or champion_reason else {_CHAMPION: champion})
    try:
        table, spans = predict(models, dataset, parts, label, keep, engine)
    except (InvalidInput, UnknownName) as error:
        if len(models) == 1:
            raise
        table, spans = predict({_PREDICTION: model}, dataset, parts, label, keep, engine)  # raises what is its own
        champion_reason = _why_not(error)
    if query is not None:
        table = table.append_column(QUERY, to_array(row_ids(table.select([query]), [query])))
    total = sum(dataset.expected_rows(part) or 0 for part in parts)
    return _finish(
        table.drop_columns([ROW_ID]),
        {"span": spans, "row_id": table[ROW_ID]},
        chosen,
        specs,
        engine,
        num_dropped=total - table.num_rows,
        model_digest=model.digest,
        champion=champion,
        champion_reason=champion_reason,
        parts=digests,
        looking=looking,
        classes=classes,
        shelf=Shelf.of(table.num_rows),
    )


def evaluate_predictions(
    table: Any,
    *,
    label: str,
    prediction: str,
    weight: str | None = None,
    metrics: Sequence[str | Metric],
    slices: Slices = (),
    find_slices: FindSlices = False,
    classes: Sequence[str | int] | None = None,
    query: str | None = None,
    engine: Engine | None = None,
) -> Evaluation:
    """How good predictions made elsewhere are, overall and on slices.

    Use it for a model that is not headrace's, or for logged answers joined with what happened.

    Parameters
    ----------
    table : pyarrow.Table, or any table `headrace.dataset.tables.as_table` takes
        One row a prediction.
    label, prediction, weight : str
        Its columns: booleans, integers or floats; of several classes predictions are lists of a probability for each. A
        row without a label is left out and counted; one without a prediction makes the metrics of its slices NaN. Where
        a row may have several labels, the label is a list as well: of the labels that it has, [] for none, or of a
        boolean for each.
    classes : sequence of str or of int, optional
        The label's values in the order of the lists; 0, 1, 2 ... when left out.
    query : str, optional
        A column whose equal values are one ranked list, for metrics such as `ndcg`; intervals then draw whole queries.
    metrics, slices, find_slices
        As for `evaluate`.
    engine : Engine, optional
        Only how many threads measure is taken of it: the rows are here already.

    Returns
    -------
    Evaluation
        Without models; `predictions` holds label, weight and prediction.

    Raises UnknownName, InvalidInput (a negative weight, a column that holds no numbers).

    >>> table = pa.table({"y": [1, 0, 1], "p": [0.9, 0.2, 0.4], "carrier": ["AA", "AA", "DL"]})
    >>> found = evaluate_predictions(table, label="y", prediction="p", metrics=["brier", "roc_auc"], slices=["carrier"])
    >>> found["roc_auc"].value, found.slice({"carrier": "DL"})["roc_auc"].reason
    (1.0, 'needs both positive and negative rows')
    """
    table = as_table(table, "evaluate_predictions")
    for name in (label, prediction, weight, query):
        if name is not None and name not in table.column_names:
            raise UnknownName("column", name, table.column_names, where="the table of predictions")
    specs = _specs(slices, table.column_names)
    known = classes_of(table[prediction], prediction, classes)
    is_labels = is_list(table[label].type)
    chosen = make_metrics(
        metrics, num_classes=len(known), classes=known, has_queries=query is not None, is_labels=is_labels
    )
    looking = _looking(find_slices, table.column_names, (label, prediction, weight, query))
    cut_by = [name for spec in specs for name in _read(spec)] + list(looking[1] if looking else ())

    def judged(part: pa.Table) -> pa.Table:
        """What is judged of these rows: those with a label."""
        if is_labels:
            labels = as_label_sets(one_chunk(part[label]), label, known, "the table of predictions")
        elif known:
            labels = as_classes(one_chunk(part[label]), label, known, "the table of predictions")
        else:
            labels = as_floats(one_chunk(part[label]), f"label {label!r}")
        is_labelled = ~np.isnan(labels if labels.ndim == 1 else labels[:, 0])
        kept = part if is_labelled.all() else part.filter(from_bools(is_labelled))
        scores = one_chunk(kept[prediction])
        if known:
            scores = as_lists(scores, prediction, len(known))
        elif scores.type not in (pa.float32(), pa.float64()):
            scores = to_array(as_floats(scores, f"prediction {prediction!r}"))
        labels = labels if kept is part else labels[is_labelled]
        columns = {LABEL: to_array(labels) if labels.ndim == 1 else to_column(labels.astype(np.float32))}
        columns[_PREDICTION] = scores
        if weight is not None:
            columns[WEIGHT] = to_array(as_weights(one_chunk(kept[weight]), weight, "the table of predictions"))
        if query is not None:
            columns[QUERY] = to_array(row_ids(kept.select([query]), [query]))
        return pa.table(columns | {name: kept[name] for name in cut_by})

    shelf = Shelf.of(table.num_rows)
    kept = shelf.table(judged(part) for part in shelf.parts(table))
    num_dropped = table.num_rows - kept.num_rows
    engine = engine or LocalEngine()
    return _finish(
        kept, {}, chosen, specs, engine, num_dropped=num_dropped, looking=looking, classes=known, shelf=shelf
    )


def _specs(slices: Slices, column_names: Sequence[str]) -> list[SliceSpec]:
    for name in _OWN:
        if name in column_names:
            raise InvalidInput(f"a column is named {name!r}", fix="rename it: the name is reserved")
    return [spec for spec in parse_slices(slices, column_names, allow_derived=True) if spec.columns]


def _read(spec: SliceSpec) -> list[str]:
    """The columns of the data that a cut reads."""
    made = {one.name: one.columns for one in spec.derived}
    return [name for column in spec.columns for name in made.get(column, (column,))]


def _looking(
    asked: FindSlices, column_names: Sequence[str], apart: Sequence[str | None]
) -> tuple[WeakSlices, tuple[str, ...]] | None:
    """How to look for weak slices, and in which columns; None where nobody asked."""
    if asked is False or asked is None:
        return None
    settings = asked if isinstance(asked, WeakSlices) else WeakSlices(() if asked is True else tuple(asked))
    for name in settings.columns:
        if name not in column_names:
            raise UnknownName("column", name, column_names, where="find_slices")
    return settings, settings.columns or tuple(name for name in column_names if name not in apart)


def _judged_parts(dataset: Dataset, parts: Sequence[Part]) -> dict[str, str]:
    """Digests of the parts that hold rows; those of empty parts are all alike and say nothing."""
    names = {part_name(part.span, part.split) for part in parts}
    summary = dataset.summary
    return {name: found for name, found in summary.digests.items() if name in names and any(summary.rows[name])}


def _refuse_training_rows(model: Model, digests: Mapping[str, str]) -> None:
    fitted = {found: name for name, found in model.signature.fitted_parts.items()}
    for name, found in digests.items():
        if found in fitted:
            raise TrainingRows(
                "the model was fitted on these rows",
                where=f"part {name}" + (f", in training {fitted[found]}" if fitted[found] != name else ""),
                expected="rows held out from fitting, such as a data set made with split={'train': 8, 'eval': 2}",
                fix="allow_training_rows=True judges them all the same",
            )


def _why_other(model: Model, champion: Model) -> str:
    """Why a champion's answers are not to be compared with the model's; "" where they are."""
    mine, its = model.signature, champion.signature
    if mine.classes == its.classes:
        return ""
    if not (mine.classes and its.classes):
        return f"it answers another question: {its.meaning}"
    only = [repr(one) for one in its.classes if one not in mine.classes]
    new = [repr(one) for one in mine.classes if one not in its.classes]
    said = [f"it does not know {', '.join(new[:3])}"] * bool(new) + [f"it knows {', '.join(only[:3])}"] * bool(only)
    return "it answers other classes: " + ", and ".join(said)


def _why_not(error: InvalidInput | UnknownName) -> str:
    """Why the champion cannot be asked; without files and rows, which would differ from place to place."""
    if isinstance(error, (InvalidSchema, UnknownName)):
        return f"it does not take these rows: {error.what}"
    return "it does not take these rows: some hold values that its schema does not allow"


def _finish(
    table: pa.Table,
    shown: dict[str, Any],
    metrics: tuple[Metric, ...],
    specs: list[SliceSpec],
    engine: Engine,
    *,
    num_dropped: int,
    model_digest: str | None = None,
    champion: Model | None = None,
    champion_reason: str = "",
    parts: Mapping[str, str] | None = None,
    looking: tuple[WeakSlices, tuple[str, ...]] | None = None,
    classes: Sequence[str | int] = (),
    shelf: Shelf | None = None,
) -> Evaluation:
    """Measure a table of @label, @prediction, @champion, @weight and slice columns; `shown` goes before predictions."""
    weight = WEIGHT if WEIGHT in table.column_names else None
    judged = [_PREDICTION, *([_CHAMPION] if _CHAMPION in table.column_names else [])]
    found, baseline = measure(
        table,
        metrics,
        specs,
        LABEL,
        judged,
        engine,
        weight=weight,
        row_id=shown.get("row_id"),
        num_classes=len(classes),
        shelf=shelf,
    )
    weak = None if looking is None else _look(table, looking, weight, shown.get("row_id"))
    columns = [LABEL, *([weight] if weight else []), *judged]
    # In one chunk, so that the file's bytes do not tell how the rows came together.
    whole = (shelf or Shelf()).column
    found_columns = {**shown, **{name.removeprefix("@"): table[name] for name in columns}}
    predictions = pa.table({name: whole(column) for name, column in found_columns.items()})
    return Evaluation(
        found[0].cells,
        metrics=tuple(_describe(metric) for metric in metrics),
        num_rows=table.num_rows,
        num_dropped=num_dropped,
        predictions=predictions,
        model_digest=model_digest,
        champion_digest=None if champion is None else champion.digest,
        champion_model=champion,
        champion_reason=champion_reason,
        parts=parts or {},
        classes=tuple(classes),
        champion=found[1] if len(found) > 1 else None,
        baseline=baseline,
        weak_slices=weak,
    )


def _look(
    table: pa.Table,
    looking: tuple[WeakSlices, tuple[str, ...]],
    weight: str | None,
    row_id: pa.ChunkedArray | None,
) -> tuple[WeakSlice, ...]:
    rows = judged_rows(table, LABEL, [_PREDICTION], weight, row_id)
    settings, names = looking
    found, label, prediction = table.select(list(names)), rows.label, rows.predictions[0]
    if rows.is_labels:  # what a row loses is told by the mean of what each of its labels, or their absence, was given
        label, prediction = np.ones(len(label)), np.where(label > 0.0, prediction, 1.0 - prediction).mean(axis=1)
    elif rows.num_classes:  # what a row loses is told by the probability that its own class was given
        label, prediction = np.ones(len(label)), of_own(label, prediction)
    return find_weak_slices(found, label, prediction, settings, weight=rows.weight, row_id=rows.row_id)


def _describe(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "metric": member_name(type(metric)),
        "parameters": metric.parameters,
        "higher_is_better": metric.higher_is_better,
    }
