"""Probabilities of several classes, a row each: whether they are some, and which was given to what happened."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["are_shares", "of_own"]

Floats = npt.NDArray[np.float64]

_FAR = 1e-3


def are_shares(prediction: Floats) -> npt.NDArray[np.bool_]:
    """bool[num_rows]: whether all numbers of a row are from 0 to 1, and their sum within 0.001 of 1."""
    if not len(prediction):
        return np.zeros(0, np.bool_)
    is_each = np.asarray(((prediction >= 0.0) & (prediction <= 1.0)).all(axis=1), np.bool_)
    total = np.add.accumulate(np.where(is_each[:, None], prediction, 0.0), axis=1)[:, -1]
    return np.asarray(is_each & (np.abs(total - 1.0) <= _FAR))


def of_own(label: Floats, prediction: Floats) -> Floats:
    """float64[num_rows]: the number of each row's own class; 0 for a label that is none of them."""
    num_classes = prediction.shape[1]
    place = np.minimum(label.astype(np.int64), num_classes - 1)
    return np.where(label < num_classes, prediction[np.arange(len(label)), place], 0.0)
