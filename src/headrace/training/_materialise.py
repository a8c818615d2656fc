"""Rows of a split as features: read, transformed by the graph that will serve, gathered in source order."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import progress
from headrace.dataset import Dataset, Part
from headrace.dataset.rows import from_bools
from headrace.errors import Misuse
from headrace.fold import Rows
from headrace.model.golden import MAX_GOLDEN_ROWS
from headrace.schema import canonical_array
from headrace.training._contract import FeatureColumn, Features
from headrace.training.classes import Classes, coded, read_labels

__all__ = ["Materialised", "materialise"]


@dataclass(frozen=True)
class Materialised:
    """Features, how many rows lacked a label, and some of the raw rows.

    Parameters
    ----------
    features : Features
        Rows with a label, spans and rows in source order.
    num_dropped : int
        Rows left out because their label was null.
    sample : pyarrow.Table or None
        Raw columns of the 300 labelled rows with the smallest row ids, for golden rows; None where there is no row.
        Row ids do not know of fragments, so neither does the choice.
    """

    features: Features
    num_dropped: int
    sample: pa.Table | None


@dataclass(frozen=True)
class _Piece:
    matrix: npt.NDArray[np.float32]
    label: npt.NDArray[np.float64] | pa.Array  # texts that stand for classes
    weight: npt.NDArray[np.float64] | None
    row_id: npt.NDArray[np.uint64]
    num_dropped: int
    sample: pa.Table
    sample_id: npt.NDArray[np.uint64]


def _transform(graph: Any, dataset: Dataset, rows: Rows, names: list[str], is_fitted: bool) -> _Piece:
    label, known = read_labels(dataset, rows.batch)
    batch, weight, row_id = rows.batch, rows.weight, rows.row_id
    assert row_id is not None
    if not known.all():
        batch = batch.take(pa.array(np.flatnonzero(known)))
        label = label.filter(from_bools(known)) if isinstance(label, pa.Array) else label[known]
        weight = None if weight is None else weight[known]
        row_id = row_id[known]
    if is_fitted and graph.is_out_of_fold:
        matrix = graph.training_matrix(graph.codec.from_batch(batch), row_id)
    else:
        matrix = np.ascontiguousarray(graph.matrix_of(batch))
    chosen = np.argsort(row_id, kind="stable")[:MAX_GOLDEN_ROWS]
    few = batch.take(pa.array(chosen))
    sample = pa.table([canonical_array(few.column(name), name=name) for name in names], names)
    return _Piece(matrix, label, weight, row_id, rows.num_rows - len(label), sample, row_id[chosen])


def materialise(
    graph: Any, dataset: Dataset, split: str | None, *, num_threads: int = 0, classes: Classes = ()
) -> Materialised:
    """Compute the features of a split's rows; see `Materialised`.

    Parameters
    ----------
    graph : TransformGraph
        What computes features; `codec`, `columns`, `feature_names`, `feature_kinds`, `feature_widths`,
        `is_out_of_fold`, `matrix_of` and `training_matrix` are used.
    dataset : Dataset
        With a label.
    split : str or None
        None = a data set without splits, whole. Of these and of `train`, which transforms are fitted on, the training
        matrix is read.
    num_threads : int
        0 = one for each core. The result is the same for any number.
    classes : tuple of str or of int
        What labels stand for, where that is known already: rows of another label are left out and counted. () = text of
        three values or more is classes, anything else numbers.

    Raises Misuse where there is no label, or where the label is among the columns the features read; InvalidInput for
    labels of text that have too few values or too many.
    Cost: about 0.2 us a row and thread for 12 columns, and as much for labels and row ids; memory for the whole matrix.
    """
    target = dataset.roles.label
    names = [column.name for column in graph.columns]
    if target is None:
        raise Misuse("this data set has no label, so nothing can be learnt", fix="name one: label='...'")
    if target in names:
        raise Misuse(f"the label {target!r} is among the columns the features read", fix="leave it out of them")

    def read(part: Part) -> list[_Piece]:
        is_fitted = split in (None, "train")
        return [
            _transform(graph, dataset, rows, names, is_fitted)
            for rows in dataset.read(part, [*names, target], row_id=True)
        ]

    parts = dataset.parts(split)
    with ThreadPoolExecutor(num_threads or len(os.sched_getaffinity(0))) as threads:
        found = progress.track(threads.map(read, parts), "features", total=len(parts), unit="fragments")
        pieces = [piece for part in found for piece in part]
    columns = tuple(
        FeatureColumn(name, kind, width=width)
        for name, kind, width in zip(graph.feature_names, graph.feature_kinds, graph.feature_widths, strict=True)
    )
    if not pieces:
        empty = np.empty((0, sum(graph.feature_widths)), np.float32)
        return Materialised(Features(columns, empty, np.empty(0), classes=classes), 0, None)
    label, classes_found = coded([piece.label for piece in pieces], target, classes)
    features = Features(
        columns,
        np.concatenate([piece.matrix for piece in pieces]),
        label,
        _join([piece.weight for piece in pieces]),
        np.concatenate([piece.row_id for piece in pieces]),
        classes_found,
    )
    num_strange = 0
    if classes and (is_strange := label == len(classes)).any():
        features, num_strange = features.select(~is_strange), int(is_strange.sum())
    order = np.argsort(np.concatenate([piece.sample_id for piece in pieces]), kind="stable")[:MAX_GOLDEN_ROWS]
    sample = pa.concat_tables([piece.sample for piece in pieces]).take(pa.array(order))
    return Materialised(features, sum(piece.num_dropped for piece in pieces) + num_strange, sample)


def _join(arrays: list[Any]) -> Any:
    return None if any(array is None for array in arrays) else np.concatenate(arrays)
