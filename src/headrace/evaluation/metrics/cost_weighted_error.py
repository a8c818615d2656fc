"""The cost of wrong decisions, when a false alarm and a miss do not cost the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import SumsResult

__all__ = ["CostWeightedError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CostWeightedError(SumMetric):
    """Mean cost of a row when rows predicted at or above the threshold are taken as positive.

    Use it to gate on what errors cost in the unit of the business: with costs of 1 it is the error rate.

    Parameters
    ----------
    fp, fn : float
        What a false positive and a false negative cost, at least 0.
    threshold : float
        A prediction at or above it is positive.

    >>> CostWeightedError(fp=1, fn=5).name
    'cost_weighted_error'

    Source: Elkan, "The foundations of cost-sensitive learning" (2001).
    """

    higher_is_better: ClassVar[bool] = False

    fp: float = 1.0
    fn: float = 1.0
    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("fp", "fn", "threshold"):
            value = float(getattr(self, name))
            if not math.isfinite(value) or (name != "threshold" and value < 0.0):
                raise InvalidInput(f"{name} = {value}", where="cost_weighted_error", expected="a cost of at least 0")
            object.__setattr__(self, name, value)

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The cost of each row."""
        is_chosen = prediction >= self.threshold
        return [self.fp * (is_chosen & (label == 0.0)) + self.fn * (~is_chosen & (label == 1.0))]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]
