"""Rows of several classes, for the folds that read them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headrace.fold import Rows
from headrace.testing import strategies

__all__ = ["class_rows", "make_rows"]


def _as_classes(rows):
    labels = [None if value is None else abs(value) % 5 for value in rows.batch.column("label").to_pylist()]
    columns = [rows.batch.column(name).to_pylist() for name in ("a", "b", "c")]
    lists = [None if row[0] is None else list(row) for row in zip(*columns, strict=True)]
    arrays = [pa.array(labels, pa.int64()), pa.array(lists, pa.list_(pa.float64(), 3))]
    return Rows(pa.RecordBatch.from_arrays(arrays, ["label", "prediction"]), rows.row_id, rows.weight)


def class_rows():
    """A strategy: labels 0 .. 4, of which 3 is no class of three and 4 none at all, and any numbers, nulls and NaN."""
    return strategies.rows({"label": "integer", "a": "number", "b": "number", "c": "number"}).map(_as_classes)


def make_rows(label, prediction, weight=None):
    """Rows of labels and lists."""
    width = len(prediction[0])
    arrays = [pa.array(label, pa.float64()), pa.array(prediction, pa.list_(pa.float64(), width))]
    weights = None if weight is None else np.array(weight, np.float64)
    return Rows(pa.RecordBatch.from_arrays(arrays, ["label", "prediction"]), None, weights)
