"""Metrics of how scores rank the rows of two classes: all read the exact score curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric
from headrace.fold.kernels.by_group import class_rows, count_codes
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult

__all__ = ["CurveMetric", "by_class", "class_factors"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class CurveMetric(Metric):
    """A metric of ranks: write `value`, and `by_run` so that its interval costs one pass.

    Where what a row moves is not told by its class and its score alone, write `influence` instead (`by_class` helps).
    """

    def needs(self, label: str, prediction: str) -> ScoreCurve:
        """The exact score curve."""
        return ScoreCurve(label, prediction)

    def by_run(self, result: ScoreCurveResult) -> Floats | None:
        """What a negative and a positive row of each run move the metric, float64[num_runs, 2].

        Each a mean over its class. None, the default, where `influence` says it, or only resampling can.
        """
        return None

    def influence(self, label: Floats, prediction: Floats, groups: Groups, result: ScoreCurveResult) -> Floats | None:
        """What `by_run` says of each row's run and class."""
        told = self.by_run(result)
        if told is None:
            return None
        if not len(result.score):
            return np.zeros(len(label))
        runs = result.find(groups, prediction)
        return by_class(label, groups, len(result.num_rows), told[:, 1], told[:, 0], runs)

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
    of_classes = np.asarray(of_negative, np.float64), np.asarray(of_positive, np.float64)
    return class_rows(label, groups, runs, of_classes, class_factors(label, groups, num_groups))


def class_factors(label: Floats, groups: Groups, num_groups: int) -> tuple[Floats, Floats]:
    """What makes good that squares underestimate, for negative and positive rows: each float64[num_groups]."""
    counts = count_codes((label == 1.0).view(np.uint8), groups, num_groups, 2).T
    factors = [np.sqrt(np.where(num > 1, num / np.maximum(num - 1, 1), np.nan)) for num in counts]
    return factors[0], factors[1]
