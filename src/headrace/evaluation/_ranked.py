"""Ranked: the rows of two classes by falling score, and what deciding at each score comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["Ranked"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """Predictions in order: at each distinct score, from the highest down, what lies at or above it.

    The best threshold and the drawings of a report read it: they say the same of the same rows.

    Parameters
    ----------
    scores : float64[num_scores]
        Distinct, falling.
    true_positive, false_positive : float64[num_scores]
        The weight of the positive and of the other rows at or above each.
    """

    scores: Floats
    true_positive: Floats
    false_positive: Floats

    @classmethod
    def of(cls, label: Floats, score: Floats, weight: Floats) -> Self:
        """Of at least one row; labels are 0 or 1, no score is NaN. Cost: one sort.

        >>> Ranked.of(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.2, 0.2]), np.ones(3)).false_positive.tolist()
        [0.0, 1.0]
        """
        order = np.argsort(-score, kind="stable")
        score, positive, weight = score[order], (label[order] == 1.0), weight[order]
        last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(score) - 1)
        true, false = np.cumsum(weight * positive)[last], np.cumsum(weight * ~positive)[last]
        return cls(score[last], true, false)

    @property
    def num_positive(self) -> float:
        """The weight of all positive rows."""
        return float(self.true_positive[-1])

    @property
    def num_negative(self) -> float:
        """The weight of all others."""
        return float(self.false_positive[-1])

    def at(self, threshold: float) -> tuple[float, float]:
        """True and false positives of deciding "yes" at this score and above."""
        place = int(np.searchsorted(-self.scores, -threshold, "right"))
        return (float(self.true_positive[place - 1]), float(self.false_positive[place - 1])) if place else (0.0, 0.0)

    def worths(self, *, tp: float, fp: float, fn: float, tn: float) -> Floats:
        """The mean worth of a row, float64[num_scores + 1]: of calling none positive, then at each score and above."""
        true, false = np.append(0.0, self.true_positive), np.append(0.0, self.false_positive)
        total = tp * true + fp * false + fn * (self.num_positive - true) + tn * (self.num_negative - false)
        return np.asarray(total / (self.num_positive + self.num_negative), np.float64)
