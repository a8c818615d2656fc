"""What trainers refuse alike: labels that say nothing, features that their library cannot take; one message each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model.signature import Task
from headrace.training._contract import Features

__all__ = ["refuse_infinite", "refuse_labels", "refuse_missing", "task_of"]

_LARGEST = float(np.finfo(np.float32).max)


def refuse_labels(features: Features, label: str) -> None:
    """Raise InvalidInput for labels that no trainer can learn: all alike, infinite, or beyond float32.

    A model's predictions are float32. Where all labels are one value, whatever is fitted answers that value, and
    no rule can tell it from a good model.

    >>> refuse_labels(Features((), np.empty((2, 0), np.float32), np.array([0.0, 1.0])), "late")
    """
    _refuse_unbounded(features.label, f"label {label!r}")
    first = float(features.label[0])
    if features.num_rows > 1 and bool((features.label == first).all()):
        raise InvalidInput(
            f"every label is {first:g}, so there is nothing to learn",
            where=f"label {label!r}, {features.num_rows:,} rows",
            expected="two values at least",
            fix="look at how the label is made, and at what chose the rows",
        )


def _refuse_unbounded(label: npt.NDArray[np.float64], where: str) -> None:
    size = np.abs(label)
    if not (size <= _LARGEST).all():
        found = label[~(size <= _LARGEST)][0]
        what = "a label is not finite" if not np.isfinite(found) else f"a label is {found:g}"
        raise InvalidInput(what, where=where, expected=f"finite labels of at most {_LARGEST:.2g}", fix="scale them")


def task_of(features: Features, wanted: Task | None, trainer: str) -> Task:
    """What the labels ask for; `wanted` where that is given.

    "multiclass" where labels stand for classes (`Features.classes`), "binary" where all are 0 or 1, else "regression".

    Raises InvalidInput for a label that is not finite in float32; where "binary" is wanted, for one that is neither 0
    nor 1; where classes are wanted and there are none, or the other way round.

    >>> task_of(Features((), np.empty((2, 0), np.float32), np.array([0.0, 1.0])), None, "XGBoost")
    'binary'
    """
    label = features.label
    _refuse_unbounded(label, trainer)
    if features.classes:
        if wanted not in (None, "multiclass"):
            raise InvalidInput(
                f"the label has {len(features.classes)} values: {', '.join(map(repr, features.classes[:3]))} ...",
                where=trainer,
                expected="numbers" if wanted == "regression" else "two values",
                fix="take a trainer of classes, or say which value counts as 1: positive=...",
            )
        return "multiclass"
    is_binary = bool(((label == 0.0) | (label == 1.0)).all())
    if wanted == "multiclass":
        raise InvalidInput(
            "the label has two values, 0 and 1"
            if is_binary
            else "the label's values are not three to 1,000 whole numbers",
            where=trainer,
            expected="three values or more for classes",
            fix="leave the objective out",
        )
    if wanted == "binary" and not is_binary:
        raise InvalidInput("a label is neither 0 nor 1", where=trainer, expected="0 or 1 for a classifier")
    return wanted or ("binary" if is_binary else "regression")


def refuse_infinite(features: Features) -> None:
    """Raise InvalidInput naming the first row and feature that is infinite."""
    _refuse(features, np.isinf(features.matrix), "a feature is infinite", "clip it, or make it null")


def refuse_missing(features: Features, trainer: str) -> None:
    """Raise InvalidInput naming the first row and feature that is missing, for a library that takes none."""
    _refuse(
        features,
        np.isnan(features.matrix),
        f"a feature is missing, and {trainer} takes none that are",
        "fill it where features are declared, as in ops.fill_null(x.delay, 0.0), or choose a trainer that takes them",
    )


def _refuse(features: Features, found: npt.NDArray[np.bool_], what: str, fix: str) -> None:
    if found.any():
        row, column = (int(index) for index in np.argwhere(found)[0])
        names: list[Any] = [item.name for item in features.columns for _ in range(item.width)]
        raise InvalidInput(what, where=f"row {row}, feature {names[column]!r}", fix=fix)
