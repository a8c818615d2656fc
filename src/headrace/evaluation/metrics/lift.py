"""Lift: how many times as often as on the whole the highest scores are right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation.metrics.gain import Gain
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["Lift"]


@dataclass(frozen=True, kw_only=True)
class Lift(Gain):
    """The share of positive rows among the highest scores, divided by that among all rows; chance gives 1.

    Parameters
    ----------
    share : float
        Which share of the rows is taken, above 0 and below 1.

    Raises InvalidInput for another share. Cost and interval as of `gain`.

    Source: Ling and Li, "Data mining for direct marketing" (1998).

    >>> Lift(share=0.2).name
    'lift'
    """

    limits: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Gain by share."""
        return super().value(result) / self.share
