"""Labels that stand for classes: text of three values or more, and whole numbers where the trainer is a classifier.

Two values stay a binary label, whose prediction is one probability: 0 and 1, true and false, or the value that
`positive=` names. Whole numbers are quantities unless the trainer says that it learns classes: a delay in minutes has
few values, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.dataset.rows import as_classes, to_bools
from headrace.errors import InvalidInput
from headrace.schema import kind_of
from headrace.training._contract import Features

__all__ = ["MOST_CLASSES", "Classes", "as_numbers", "classed", "coded", "read_labels"]

MOST_CLASSES = 1_000
Classes = tuple[str | int, ...]


def read_labels(dataset: Dataset, batch: pa.RecordBatch) -> tuple[Any, npt.NDArray[np.bool_]]:
    """A batch's labels and which are known: float64[num_rows], or texts as they are where no value counts as 1.

    Raises as `Dataset.label_values` does.
    """
    name = dataset.roles.label
    if name is not None and dataset.roles.positive is None:
        column = batch.column(name)
        if kind_of(column.type) == "text":
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            return column.cast(pa.large_string()), ~to_bools(pc.is_null(column))
    label = dataset.label_values(batch)
    return label, ~np.isnan(label)


def coded(pieces: Sequence[Any], name: str, classes: Classes = ()) -> tuple[npt.NDArray[np.float64], Classes]:
    """The labels of all pieces as float64[num_rows], and the classes they stand for; () for numbers.

    Classes that are given stay: a label that is none of them is `len(classes)`. Else those of text are its values, in
    the order of their bytes. Raises InvalidInput for text of fewer values than three, or of more than 1,000.
    """
    pieces = [piece for piece in pieces if len(piece)] or [np.zeros(0)]
    texts = [piece for piece in pieces if isinstance(piece, pa.Array)]
    if not texts:
        label = np.concatenate(pieces)
        return (as_numbers(label, classes) if classes else label), classes
    if len(texts) < len(pieces):
        raise InvalidInput("the label is text in some spans and numbers in others", where=f"label {name!r}")
    whole = pa.concat_arrays(texts)
    if not classes:
        found = sorted(whole.unique().to_pylist(), key=str.encode)
        refuse_few(found, name)
        classes = tuple(found)
    return as_classes(whole, name, classes), classes


def refuse_few(values: Sequence[str], name: str) -> None:
    """Raise InvalidInput for a label of text whose values are fewer than three, or more than 1,000."""
    if len(values) > MOST_CLASSES:
        raise InvalidInput(
            f"label {name!r} has {len(values):,} values",
            where="training",
            expected=f"at most {MOST_CLASSES:,} classes",
            fix="put rare ones together before, or choose another label",
        )
    if len(values) < 3:
        said = " and ".join(map(repr, values)) or "no value"
        raise InvalidInput(
            f"label {name!r} is text of {len(values)} values: {said}",
            where="training",
            expected="the value that counts as 1, or three values at least",
            fix='name it beside the label, as in positive="yes"',
        )


def as_numbers(label: npt.NDArray[np.float64], classes: Sequence[str | int]) -> npt.NDArray[np.float64]:
    """The place of each label among the classes, which are ascending numbers; `len(classes)` for any other."""
    known = np.asarray(classes, np.float64)
    near = np.minimum(np.searchsorted(known, label), len(known) - 1)
    return np.where(known[near] == label, near, len(known)).astype(np.float64)


def classed(features: Features, *, takes_classes: bool) -> Features:
    """The same rows, whole numbers as classes where the trainer takes them as such and they have 3 .. 1,000 values.

    >>> rows = Features((), np.empty((3, 0), np.float32), np.array([5.0, 7.0, 9.0]))
    >>> classed(rows, takes_classes=True).classes, classed(rows, takes_classes=False).classes
    ((5, 7, 9), ())
    """
    label = features.label
    if features.classes or not takes_classes or not len(label) or not (label == np.rint(label)).all():
        return features
    values = np.unique(label)
    if not 3 <= len(values) <= MOST_CLASSES or np.abs(values).max() >= 2.0**53:
        return features
    classes = tuple(int(value) for value in values)
    return dataclasses.replace(features, label=as_numbers(label, classes), classes=classes)
