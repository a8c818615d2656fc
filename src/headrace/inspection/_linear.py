"""A linear model of raw columns, fitted here and now: what a model has to beat to be worth its trouble.

Numbers are standardised, nulls become the mean and an indicator, texts the indicators of their most common values.
Rows are parted in two by the caller; one part is fitted, the other predicted, and the other way round, so that no row
is judged by a model that saw it.

Coefficients are rounded to six decimals and sums go in row order without BLAS, whose order of adding depends on the
machine: equal rows give equal predictions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset.rows import as_floats
from headrace.kinds import canonical_array, kind_of

__all__ = ["cross_fitted"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_MOST_TEXTS = 10
_MOST_COLUMNS = 120
_FARTHEST = 5.0
_RIDGE = 1.0
_TURNS = 12
_DECIMALS = 6


def cross_fitted(
    table: pa.Table, names: Sequence[str], label: Floats, weight: Floats | None, part: Mask, *, is_binary: bool
) -> Floats:
    """Predictions of every row by a linear model fitted on the rows of the other part.

    Parameters
    ----------
    table : pyarrow.Table [num_rows]
        In canonical types; `names` are the columns used, those of other kinds than numbers, texts, booleans and
        timestamps left out.
    label, weight : float64[num_rows]
        No NaN.
    part : bool[num_rows]
        Which of the two parts each row is in.
    is_binary : bool
        Logistic regression, else least squares; both with a ridge of 1 on standardised columns.

    Returns
    -------
    float64[num_rows]
        Probabilities or values; the mean label of the other part where that has one class only.

    Cost: 12 rounds of rows x columns^2, 0.3 s for 10,000 rows of 40 columns.
    """
    weights = np.ones(len(label)) if weight is None else weight
    columns = {name: canonical_array(table[name]) for name in names}
    found = np.empty(len(label))
    for fitted in (part, ~part):
        design = _design(columns, fitted)
        coefficients = _fit(design[fitted], label[fitted], weights[fitted], is_binary=is_binary)
        margin = np.einsum("ij,j->i", design[~fitted], coefficients)
        found[~fitted] = _probability(margin) if is_binary else margin
    return found


def _design(columns: dict[str, pa.Array], fitted: Mask) -> Floats:
    """The design matrix, constant first; what it is scaled by comes from the fitted rows alone."""
    made: list[Floats] = [np.ones(len(fitted))]
    for column in columns.values():
        kind = kind_of(column.type)
        if kind == "text":
            made += _indicators(column, fitted)
        elif kind in ("integer", "number", "boolean", "timestamp"):
            made += _numbers(column.cast(pa.int64()) if kind == "timestamp" else column, fitted)
        if len(made) > _MOST_COLUMNS:
            break
    return np.stack(made[:_MOST_COLUMNS], axis=1)


def _indicators(column: pa.Array, fitted: Mask) -> list[Floats]:
    codes = column.dictionary_encode()
    index = as_floats(codes.indices, "codes")
    counts = np.bincount(index[fitted & ~np.isnan(index)].astype(np.int64), minlength=len(codes.dictionary))
    texts = codes.dictionary.to_pylist()
    common = sorted((place for place in range(len(texts)) if counts[place]), key=lambda at: (-counts[at], texts[at]))
    return [(index == place).astype(np.float64) for place in common[:_MOST_TEXTS]]


def _numbers(column: pa.Array, fitted: Mask) -> list[Floats]:
    values = as_floats(column, "column")
    known = np.isfinite(values)
    seen = values[fitted & known]
    if not len(seen):
        return []
    mean = float(np.sum(seen) / len(seen))
    deviation = float(np.sqrt(np.sum((seen - mean) ** 2) / len(seen)))
    if not deviation > 1e-12 * max(1.0, abs(mean)):
        scaled = np.zeros(len(values))
    else:
        scaled = np.where(known, np.clip((np.where(known, values, mean) - mean) / deviation, -_FARTHEST, _FARTHEST), 0)
    made = [scaled] if scaled.any() else []
    is_missing = (~known).astype(np.float64)
    return [*made, is_missing] if is_missing[fitted].any() else made


def _probability(margin: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(margin, -30.0, 30.0)))


def _fit(design: Floats, label: Floats, weight: Floats, *, is_binary: bool) -> Floats:
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[0] = 1e-9
    total = float(np.sum(weight))
    mean = float(np.sum(weight * label) / total) if total > 0 else 0.0
    found = np.zeros(design.shape[1])
    if not is_binary:
        right = np.einsum("ij,i->j", design, weight * label)
        return np.asarray(np.round(np.linalg.solve(_gram(design, weight, ridge), right), _DECIMALS))
    inside = min(max(mean, 1e-6), 1 - 1e-6)
    found[0] = np.log(inside / (1 - inside))
    if not 0.0 < mean < 1.0:
        return found
    for _ in range(_TURNS):
        probability = _probability(np.einsum("ij,j->i", design, found))
        slope = np.einsum("ij,i->j", design, weight * (label - probability)) - ridge * found
        step = np.linalg.solve(_gram(design, weight * np.maximum(probability * (1 - probability), 1e-9), ridge), slope)
        found = found + step
        if float(np.max(np.abs(step))) < 1e-8:
            break
    return np.asarray(np.round(found, _DECIMALS))


def _gram(design: Floats, weight: Floats, ridge: Floats) -> Floats:
    weighted = design * weight[:, None]
    found = np.empty((design.shape[1], design.shape[1]))
    for place in range(design.shape[1]):
        # One pairwise sum a cell, in row order: the same on every machine.
        found[place, place:] = np.sum(weighted[:, place : place + 1] * design[:, place:], axis=0)
        found[place:, place] = found[place, place:]
    return found + np.diag(ridge)
