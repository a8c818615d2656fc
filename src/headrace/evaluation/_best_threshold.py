"""The best threshold for given costs: where a decision costs, or earns, most, over all that could be chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._ranked import Ranked

__all__ = ["BestThreshold", "best_threshold"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BestThreshold:
    """The threshold whose decisions are worth most, and what they are worth.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive: halfway between two predictions there are; infinite where it is best to
        call nothing positive, and minus infinity where everything.
    worth : float
        What a row is worth on average, in the unit of the costs; costs count as negative.
    worth_at_half : float
        The same at 0.5.
    positive_rate : float
        The share of rows that are called positive, 0..1.
    curve : tuple of (float, float)
        Up to 101 thresholds, ascending, with what a row is worth at each: how flat the top is.

    It is chosen on these rows: on others it is worth a little less.
    """

    threshold: float
    worth: float
    worth_at_half: float
    positive_rate: float
    curve: tuple[tuple[float, float], ...]

    def __repr__(self) -> str:
        return (
            f"<BestThreshold {self.threshold:.4g}: {self.worth:.4g} a row, at 0.5 {self.worth_at_half:.4g};"
            f" {self.positive_rate:.1%} of rows called positive>"
        )


def best_threshold(
    label: Floats, prediction: Floats, weight: Floats | None, *, tp: float, fp: float, fn: float, tn: float
) -> BestThreshold:
    """The threshold with the largest mean worth; of several equal ones the one in the middle of the widest gap.

    Parameters
    ----------
    label : float64[num_rows]
        0 or 1.
    prediction : float64[num_rows]
        No NaN.
    weight : float64[num_rows] or None
        At least 0.
    tp, fp, fn, tn : float
        What a row of each cell of the confusion matrix is worth.

    Raises InvalidInput for no rows, other labels, or a worth that is not finite. Cost: one sort of the rows.

    >>> rows = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.6, 0.4, 0.1])
    >>> round(best_threshold(*rows, None, tp=0, fp=-1, fn=-5, tn=0).threshold, 3)
    0.25

    Source: Elkan, "The foundations of cost-sensitive learning" (2001); over the observed scores, as no calibration is
    taken for granted.
    """
    worths = {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    for name, worth in worths.items():
        if not math.isfinite(worth):
            raise InvalidInput(f"{name} = {worth}", where="best_threshold", expected="a finite number")
    if not len(label) or not np.isin(label, (0.0, 1.0)).all() or np.isnan(prediction).any():
        raise InvalidInput(
            "these predictions have no threshold", where="best_threshold", expected="rows with labels 0 and 1"
        )
    given = np.ones(len(label)) if weight is None else weight
    ranked = Ranked.of(label, prediction, given)
    # From the lowest score up: everything is called positive, then less and less.
    mean_worth, distinct = ranked.worths(tp=tp, fp=fp, fn=fn, tn=tn)[::-1], ranked.scores[::-1]
    edges = np.concatenate([[-np.inf], 0.5 * (distinct[1:] + distinct[:-1]), [np.inf]])
    best = np.flatnonzero(mean_worth >= mean_worth.max() - 1e-12 * max(1.0, abs(float(mean_worth.max()))))
    gaps = np.concatenate([[0.0], np.diff(distinct), [0.0]])
    place = int(best[np.argmax(gaps[best])])

    def at(threshold: float) -> float:
        return float(mean_worth[np.searchsorted(distinct, threshold, side="left")])

    shown = np.unique(np.linspace(0, len(distinct) - 1, min(101, len(distinct))).astype(np.int64))
    return BestThreshold(
        threshold=float(edges[place]),
        worth=float(mean_worth[place]),
        worth_at_half=at(0.5),
        positive_rate=sum(ranked.at(float(edges[place]))) / (ranked.num_positive + ranked.num_negative),
        curve=tuple((float(distinct[one]), at(float(distinct[one]))) for one in shown),
    )
