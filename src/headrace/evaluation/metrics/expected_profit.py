"""Expected profit: what a row's decision is worth on average."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["ExpectedProfit"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ExpectedProfit(ThresholdMetric):
    """The mean worth of a row, by the cell of the confusion matrix it falls into; costs are negative.

    `Evaluation.best_threshold` finds the threshold at which it is largest.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.
    tp, fp, fn, tn : float
        What a row is worth that is rightly or wrongly called positive, wrongly or rightly called negative.

    Source: Provost and Fawcett, "Data Science for Business" (2013), chapter 7.
    """

    higher_is_better: ClassVar[bool] = True

    tp: float = 1.0
    fp: float = -1.0
    fn: float = 0.0
    tn: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("tp", "fp", "fn", "tn"):
            value = float(getattr(self, name))
            if not math.isfinite(value):
                raise InvalidInput(f"{name} = {value}", where="expected_profit", expected="a finite number")
            object.__setattr__(self, name, value)

    def value(self, result: SumsResult) -> Floats:
        """The worths of the four cells, over all rows."""
        cells = self.confusion(result)
        worths = (self.tp, self.fp, self.fn, self.tn)
        total = np.asarray(sum(worth * cell for worth, cell in zip(worths, cells, strict=True)), np.float64)
        return ratio(total, result.weight)
