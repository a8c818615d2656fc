"""Labels that stand for classes, and a probability for each, of one batch, as the folds behind metrics read them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold._contract import Groups, Rows
from headrace.fold._scored import WEIGHT_LIMIT, Floats, Scored, read_floats

__all__ = ["called_of", "read_class_scores", "read_matrix"]


def read_matrix(rows: Rows, name: str, num_classes: int) -> Floats:
    """A column of lists of so many numbers as float64[num_rows, num_classes], NaN where null.

    Raises InvalidInput for a column of anything else.
    """
    column = rows.batch.column(name)
    if not pa.types.is_fixed_size_list(column.type) or column.type.list_size != num_classes:
        raise InvalidInput(
            f"column {name!r} is of type {column.type}", expected=f"a list of {num_classes} numbers for each row"
        )
    items = column.values.slice(column.offset * num_classes, len(column) * num_classes)
    if items.type not in (pa.float32(), pa.float64()):
        items = items.cast(pa.float64())
    raw = np.frombuffer(
        items.buffers()[1] or b"", np.dtype(items.type.to_pandas_dtype()), count=items.offset + len(items)
    )
    found = raw[items.offset :].astype(np.float64).reshape(len(column), num_classes)
    for array, at in ((items, found.reshape(-1)), (column, found)):
        if array.null_count:
            at[np.array(array.is_null().to_pylist(), np.bool_)] = np.nan
    return found


def read_class_scores(rows: Rows, label: str, prediction: str, groups: Groups | None, num_classes: int) -> Scored:
    """Read the two columns; rows in no group (negative) or with a null or NaN label are left out.

    Of what is found `label` is a class's place, `num_classes` for a value that is no class of the model, and
    `prediction` is float64[num_rows, num_classes]. Not valid are other labels and rows that lack a probability.
    Raises InvalidInput for predictions that are no lists of so many numbers. Cost: about 2 ns a row and class.
    """
    labels, predictions, weights = read_floats(rows, label), read_matrix(rows, prediction, num_classes), rows.weight
    taken = np.zeros(len(labels), np.int32) if groups is None else groups
    keep = ~np.isnan(labels)
    if groups is not None:
        keep &= groups >= 0
    index = None
    if not keep.all():
        index = np.flatnonzero(keep)
        labels, predictions, taken = labels[index], predictions[index], taken[index]
        weights = None if weights is None else weights[index]
    valid = ~np.isnan(predictions).any(axis=1)
    valid &= (labels >= 0.0) & (labels <= num_classes) & (labels == np.floor(labels))
    if weights is not None:
        valid &= (weights >= 0.0) & (weights < WEIGHT_LIMIT)  # False for NaN as well
    if valid.all():
        return Scored(labels, predictions, weights, taken, None, index)
    labels, predictions = np.where(valid, labels, 0.0), np.where(valid[:, None], predictions, 0.0)
    weights = None if weights is None else np.where(valid, weights, 0.0)
    return Scored(labels, predictions, weights, taken, valid, index)


def called_of(prediction: Floats) -> Groups:
    """The likeliest class of each row, int32[num_rows]; of equally likely ones the first."""
    return prediction.argmax(axis=1).astype(np.int32) if len(prediction) else np.zeros(0, np.int32)
