"""Columns that alone tell the label: most often they were written down after it, or are it under another name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.fold import RowCopies, Sample
from headrace.kinds import PLAIN_KINDS
from headrace.proposal._label import Label
from headrace.statistics import Statistics

__all__ = ["find_leaks", "look_at_rows"]

SIZE = 16_384  # rows looked at
_ROWS_A_VALUE = 10
_FEWEST = 20  # rows of each label, for a column of few values
_FEWEST_OF_NUMBERS = 100  # fewer rows lie apart in one measure though nothing leaks, as irises do
_EXACT = 0.999
_EXACT_QUANTITY = 0.99999


def look_at_rows(dataset: Dataset, statistics: Statistics) -> tuple[pa.Table, float]:
    """A sample of rows, and the share of all rows that repeat another in every column (0 where it is not known).

    Columns of other kinds are not in the sample. Cost: one pass over all columns; 16,384 rows are held.
    """
    kinds = {name: statistics[name].type for name in statistics.feature_names if statistics[name].type in PLAIN_KINDS}
    drawn = Sample(tuple(kinds), tuple(kinds.values()), size=SIZE)
    if len(kinds) < len(dataset.column_names):
        (state,) = LocalEngine().fold([drawn], dataset, dataset.parts())
        return drawn.extract(state)[0], 0.0  # type: ignore[arg-type]
    copies = RowCopies(tuple(kinds))
    first, second = LocalEngine().fold([drawn, copies], dataset, dataset.parts())
    return drawn.extract(first)[0], float(copies.extract(second).share[0])  # type: ignore[arg-type]


def find_leaks(rows: pa.Table, label: Label) -> tuple[str, ...]:
    """The columns of which one alone tells the label in (nearly) all rows: by its values, or by being null.

    Parameters
    ----------
    rows : pyarrow.Table
        A sample, the label among its columns.
    label : Label
        What is predicted.

    Texts, booleans and whole numbers of few values: every value goes with one label, over ten rows a value on average.
    Numbers: they order the rows as the label does (an area under the curve of 0.999), or are a line of the quantity.
    Too few rows say nothing. Cost: a sort of each column.
    """
    known = rows.filter(pc.is_valid(rows[label.name]))
    if label.task == "regression":
        target = _floats(known[label.name])
        return tuple(name for name in _others(known, label) if _is_line(known[name], target))
    values = known[label.name]
    if label.task == "multiclass":  # what tells every class tells the most frequent one
        counts = pc.value_counts(values)
        most = (
            counts.field("values")[int(np.argmax(counts.field("counts").to_numpy()))].as_py() if len(counts) else None
        )
        is_positive = np.array(values.to_pylist(), dtype=object) == most
    elif label.positive is None:
        is_positive = _floats(values) > 0
    elif pa.types.is_large_string(values.type) or pa.types.is_boolean(values.type):
        is_positive = np.array(values.to_pylist(), dtype=object) == label.positive
    else:
        is_positive = _floats(values) == label.positive
    return tuple(name for name in _others(known, label) if _tells(known[name], is_positive))


def _others(rows: pa.Table, label: Label) -> Sequence[str]:
    return [name for name in rows.column_names if name != label.name]


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.array(column.cast(pa.float64(), safe=False).to_pylist(), dtype=np.float64)  # null is NaN


def _is_number(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_floating(column.type) or pa.types.is_integer(column.type))


def _is_line(column: pa.ChunkedArray, target: npt.NDArray[np.float64]) -> bool:
    """Whether a column is the quantity itself, in whatever unit."""
    if not _is_number(column):
        return False
    values = _floats(column)
    there = np.isfinite(values) & np.isfinite(target)
    values, target = values[there], target[there]
    if len(values) < _FEWEST_OF_NUMBERS or not values.std() or not target.std():
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(abs(np.corrcoef(values, target)[0, 1]) > _EXACT_QUANTITY)


def _tells(column: pa.ChunkedArray, is_positive: npt.NDArray[np.bool_]) -> bool:
    """Whether a column tells which of two labels a row has."""
    is_null = np.array(pc.is_null(column, nan_is_null=True).to_pylist(), dtype=np.bool_)
    if _is_pure(is_null.astype(np.int64), is_positive):
        return True
    codes = column.combine_chunks().dictionary_encode().indices
    if _is_pure(np.array(codes.fill_null(-1).to_pylist(), dtype=np.int64), is_positive):
        return True
    if not (_is_number(column) or pa.types.is_timestamp(column.type)):
        return False
    return _is_ordered(_floats(column)[~is_null], is_positive[~is_null])


def _is_pure(codes: npt.NDArray[np.int64], is_positive: npt.NDArray[np.bool_]) -> bool:
    """Whether each of several values goes with one label."""
    num_positive = int(is_positive.sum())
    _, places = np.unique(codes, return_inverse=True)
    counts = np.bincount(places)
    if min(num_positive, len(codes) - num_positive) < _FEWEST or not 1 < len(counts) <= len(codes) / _ROWS_A_VALUE:
        return False
    positives = np.bincount(places, weights=is_positive)
    wrong = np.minimum(positives, counts - positives).sum()
    # Of the rarer label's rows: a column that is wrong in all of them is right in nearly all rows of a rare label.
    return bool(wrong <= (1 - _EXACT) * min(num_positive, len(codes) - num_positive))


def _is_ordered(values: npt.NDArray[np.float64], is_positive: npt.NDArray[np.bool_]) -> bool:
    """Whether the values of one label lie (nearly) all above those of the other."""
    num_positive = int(is_positive.sum())
    num_negative = len(values) - num_positive
    if min(num_positive, num_negative) < _FEWEST_OF_NUMBERS:
        return False
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # of equal values the mean
    area = (ranks[is_positive].sum() - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative)
    return bool(max(area, 1 - area) > _EXACT)
