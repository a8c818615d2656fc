"""Metrics of how scores rank the rows of two classes: all read the exact score curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric
from headrace.fold.kernels.by_group import class_rows
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult

__all__ = ["CurveMetric", "by_class"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class CurveMetric(Metric):
    """A metric of ranks: write `value`, and `influence` so that its interval costs one pass (`by_class` helps)."""

    def needs(self, label: str, prediction: str) -> ScoreCurve:
        """The exact score curve."""
        return ScoreCurve(label, prediction)

    def support(self, result: ScoreCurveResult) -> Floats:
        """The rows of the rarer class."""
        return np.minimum(result.positive, result.weight - result.positive)


def by_class(
    label: Floats,
    groups: Groups,
    num_groups: int,
    of_positive: npt.NDArray[Any],
    of_negative: npt.NDArray[Any],
    runs: npt.NDArray[np.int64] | None = None,
) -> Floats:
    """Influences of the rows of two classes, each a mean over its class, float64[num_rows].

    `of_positive` and `of_negative` are by row; or by run of the curve, where `runs` says the run of each row.

    Their squares underestimate by (n - 1) / n for a class of n rows, which is made good here; one row alone says
    nothing of how far others would be from it: NaN.

    Source: DeLong, DeLong and Clarke-Pearson (1988), whose variances divide by n - 1 in each class.
    """
    every = np.bincount(groups, minlength=num_groups)
    positive = np.bincount(groups, weights=label == 1.0, minlength=num_groups).astype(np.int64)
    factors = [np.sqrt(np.where(num > 1, num / np.maximum(num - 1, 1), np.nan)) for num in (every - positive, positive)]
    of_classes = np.asarray(of_negative, np.float64), np.asarray(of_positive, np.float64)
    return class_rows(label, groups, runs, of_classes, (factors[0], factors[1]))
