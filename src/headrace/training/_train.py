"""Train: features of the data set's `train` rows, fitted and put behind their transform as one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headrace import progress
from headrace.dataset import Dataset
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.kinds import fields_of
from headrace.model import GraphBuilder, Model, Signature
from headrace.model.answers import read_column
from headrace.training._contract import Features, Group, Journal, Predictor, Trainer
from headrace.training._materialise import Materialised, materialise
from headrace.training._ranks import check_workers, fit_on_ranks
from headrace.training.classes import classed
from headrace.training.history import HISTORY, History
from headrace.training.journals import Journals
from headrace.training.leaks import find_leaks, peeked
from headrace.training.recording import Recorder
from headrace.training.refusals import refuse_labels

__all__ = ["assemble", "train"]


def assemble(
    graph: Any,
    predictor: Predictor,
    *,
    label: str | None = None,
    fitted_parts: Mapping[str, str] | None = None,
    num_rows: int = 0,
    num_dropped: int = 0,
    trainer: Mapping[str, Any] | None = None,
    sample: pa.Table | None = None,
    ignored: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    history: History | None = None,
    positive: str | int | float | bool | None = None,
    classes: Sequence[str | int] = (),
) -> Model:
    """Put transform and predictor into one graph, and make it a model.

    Parameters
    ----------
    graph : TransformGraph
        `columns`, `matrix_names` and `build(builder)` are used.
    predictor : Predictor
        What a trainer returned.
    label, fitted_parts, num_rows, num_dropped, trainer, ignored, sensitive, positive, classes
        What the signature records; see `Signature`.
    sample : pyarrow.Table, optional
        Raw rows in a canonical order, some of which become golden rows.
    history : History, optional
        What the trainer reported; kept beside the model, where it reported anything.

    Raises InvalidInput where labels stand for classes and the predictor does not know of them, or the other way round.

    Returns
    -------
    Model
        Equal arguments, equal bytes. Cost: about 0.1 s for 200 trees.
    """
    if bool(classes) != (predictor.task == "multiclass"):
        raise InvalidInput(
            f"a label of {len(classes)} classes, and a predictor of task {predictor.task!r}",
            where=str((trainer or {}).get("trainer", "assemble")),
            expected="a trainer that learns classes" if classes else "classes",
        )
    builder = GraphBuilder(graph.columns)
    features = graph.build(builder)
    built = predictor.build(builder, features)
    width = max(1, len(classes))
    outputs: dict[str, tuple[str, Any, int | None]] = {
        name: (built[name], np.float32, width) for name in ("prediction", "margin") if name in built
    }
    outputs["features"] = (features, np.float32, len(graph.matrix_names))
    signature = Signature(
        columns=tuple(graph.columns),
        task=predictor.task,
        feature_names=tuple(graph.matrix_names),
        label=label,
        fitted_parts=dict(fitted_parts or {}),
        num_rows=num_rows,
        num_dropped=num_dropped,
        trainer=dict(trainer or {}),
        outputs=tuple(outputs),
        ignored=tuple(ignored),
        sensitive=tuple(sensitive),
        positive=positive,
        classes=tuple(classes),
    )
    files = predictor.native_files()
    if history is not None and history.curves:
        files = {**files, HISTORY: history.to_bytes()}
    model = Model(builder.finish(outputs), signature, native_files=files, sample=sample)
    found = read_column(model.golden["@output.prediction"]).reshape(model.golden.num_rows, -1).shape[1]
    if found != width:
        raise InvalidInput(
            f"the predictor answers {found} numbers a row",
            where=str((trainer or {}).get("trainer", "assemble")),
            expected=f"{width}: one for each class" if classes else "one",
        )
    return model


def train(
    trainer: Trainer,
    graph: Any,
    dataset: Dataset,
    *,
    workers: int = 1,
    engine: Any = None,
    journal: Journal | None = None,
    recorder: Recorder | None = None,
) -> Model:
    """Fit a trainer on a data set's `train` rows and return the model that serves.

    A data set without splits is used whole; a split named `validation` is handed to the trainer for early stopping.
    A label of text with three to 1,000 values is learnt as classes, and so are whole numbers by a trainer of classes
    (`XGBoost(objective="multi:softprob")`, a classifier of scikit-learn); see `headrace.training.classes`.
    Rows whose label is null are left out and counted in the signature. The model records the digests of the parts it
    was fitted on, `validation` among them, so that evaluation can refuse those. A feature that alone tells the label,
    and a transform that was fitted on rows of another split, are told on standard error (`headrace.training.leaks`).

    Parameters
    ----------
    trainer : Trainer
        Such as `headrace.XGBoost(max_depth=8)`.
    graph : TransformGraph
        What `headrace.transform` fitted.
    dataset : Dataset
        With a label.
    workers : int
        Processes of this machine that fit together, each on its own rows, where the trainer can (XGBoost, Torch).
    engine : LocalEngine, optional
        Its `workers` is the number of threads that compute features; the result is the same for any number.
    journal : Journal, optional
        Told what the trainer reports, and asked to keep its checkpoints; beside the model's own history.
    recorder : Recorder, optional
        Where parameters, digests and measurements go; a pipeline's step has one.

    Raises Misuse for a data set without a label, InvalidInput where no row has one or all have the same, UnknownName
    where there are splits but none is called `train`.
    Cost: features about 1 us a row; then the trainer's.
    """
    if not isinstance(trainer, Trainer):
        raise Misuse(f"{type(trainer).__name__} is not a trainer", expected="one such as headrace.XGBoost()")
    check_workers(trainer, workers)
    names = dataset.split_names
    split = None if names == (None,) else "train"
    if split is not None and split not in names:
        raise UnknownName("split", split, [str(name) for name in names], where="training")
    num_threads, tally = getattr(engine, "workers", 0), getattr(engine, "tally", None)
    fitted = materialise(graph, dataset, split, num_threads=num_threads)
    fitted = dataclasses.replace(fitted, features=classed(fitted.features, takes_classes=trainer.takes_classes))
    classes = fitted.features.classes
    if tally is not None:
        tally.add(read=sum(dataset.expected_rows(part) or 0 for part in dataset.parts(split)))
    if not fitted.features.num_rows:
        raise InvalidInput(
            "there is no row to fit on",
            where=f"split {split!r}" if split else "data set",
            expected=f"rows whose label {dataset.roles.label!r} is not null",
        )
    positive = dataset.roles.positive
    if positive is not None and not fitted.features.label.any():
        raise InvalidInput(
            f"no row's label is {positive!r}, the value that counts as 1",
            where=f"label {dataset.roles.label!r}",
            expected="a value that occurs, written exactly as in the data",
        )
    refuse_labels(fitted.features, str(dataset.roles.label))
    warnings = [str(leak) for leak in find_leaks(fitted.features)] + peeked(graph, dataset)
    for warning in warnings:
        progress.say(f"warning: {warning}")
    used, validation = {split}, None
    if "validation" in names:
        judged = materialise(graph, dataset, "validation", num_threads=num_threads, classes=classes)
        if judged.features.num_rows:
            validation = judged.features
            used.add("validation")
    history, parts = History(), _parts(dataset, used)
    told: list[Journal] = [history]
    if recorder is not None:
        recorder.note("parameters", trainer.to_plain())
        said = {"warnings": warnings} if warnings else {}
        recorder.note("data", _described(fitted, validation, parts) | said)
        told.append(recorder)
    if journal is not None:
        told.append(journal)
    journals = Journals(*told)
    if workers == 1:
        predictor = trainer.fit(fitted.features, validation, params={}, group=Group(), journal=journals)
    else:
        predictor = fit_on_ranks(trainer, fitted.features, validation, workers, journals)
    model = assemble(
        graph,
        predictor,
        label=dataset.roles.label,
        fitted_parts=parts,
        num_rows=fitted.features.num_rows,
        num_dropped=fitted.num_dropped,
        trainer=trainer.to_plain(),
        sample=fitted.sample,
        ignored=_unused(graph, dataset),
        sensitive=_sensitive(graph, dataset),
        history=history,
        positive=dataset.roles.positive,
        classes=classes,
    )
    if recorder is not None:
        recorder.note("model", {"digest": model.digest, **recorder.measured()})
    return model


def _described(fitted: Materialised, validation: Features | None, parts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "num_rows": fitted.features.num_rows,
        "num_features": fitted.features.matrix.shape[1],
        "num_dropped": fitted.num_dropped,
        "num_validation_rows": 0 if validation is None else validation.num_rows,
        "parts": dict(parts),
    }


def _unused(graph: Any, dataset: Dataset) -> list[str]:
    used = {column.name for column in graph.columns} | {dataset.roles.label}
    roots = {column.root for column in graph.columns if column.path}  # of these the fields that are not read
    inner = {
        name: None
        for span in dataset.spans
        for name, (path, _) in fields_of(span.arrow_schema).items()
        if path[0] in roots
    }
    return [name for name in [*dataset.column_names, *inner] if name not in used | roots]


def _sensitive(graph: Any, dataset: Dataset) -> tuple[str, ...]:
    """What a struct keeps to itself its fields do too."""
    said = dataset.roles.sensitive
    return (*said, *(item.name for item in graph.columns if item.root in said and item.name not in said))


def _parts(dataset: Dataset, splits: set[str | None]) -> dict[str, str]:
    """Digests of the parts that hold rows; those of empty parts are all alike and say nothing."""
    wanted = {span.name if split is None else f"{span.name}/{split}" for span in dataset.spans for split in splits}
    summary = dataset.summary
    return {name: found for name, found in summary.digests.items() if name in wanted and any(summary.rows[name])}
