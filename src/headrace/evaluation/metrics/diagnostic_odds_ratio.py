"""The diagnostic odds ratio: the odds of a positive decision in positive rows to those in negative ones."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["DiagnosticOddsRatio"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DiagnosticOddsRatio(ThresholdMetric):
    """(tp / fn) / (fp / tn): 1 is what chance gives; NaN where no decision of a kind is wrong.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Glas et al., "The diagnostic odds ratio" (2003).
    """

    higher_is_better: ClassVar[bool] = True
    undefined: ClassVar[str] = "no decision of a kind is wrong"

    def influence(self, label: Floats, prediction: Floats, groups: npt.NDArray[np.int32], result: SumsResult) -> None:
        """None: a ratio of ratios of few rows is far from a straight line, and is drawn again instead."""

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, tn = self.confusion(result)
        return ratio(ratio(tp, fn), ratio(fp, tn))
