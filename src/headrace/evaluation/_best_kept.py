"""The best that a threshold gives, of all thresholds that keep something else at a level."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._curve import CurveMetric
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["BestKept"]

Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class BestKept(CurveMetric):
    """Inherit, name the level's field in `level`, and say which thresholds are kept, and what each of them gives.

    Raises InvalidInput for a level that is not from 0 to 1.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "needs both positive and negative rows"
    level: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        least = getattr(self, self.level)
        if not 0.0 <= least <= 1.0:
            raise InvalidInput(f"{self.level} = {least}", where=self.name, expected="from 0 to 1")

    @abstractmethod
    def choices(self, true: Floats, false: Floats, positive: Floats, negative: Floats) -> tuple[Kept, Floats]:
        """(Whether each threshold is kept, what it gives), by the weights of the rows called and of all rows."""

    def value(self, result: ScoreCurveResult) -> Floats:
        """The best of all thresholds that are kept; 0 where none is."""
        positive, every = result.positive[result.group], result.weight[result.group]
        true = positive - result.positive_below
        false = every - positive - result.negative_below
        is_kept, given = self.choices(true, false, positive, every - positive)
        best = np.zeros(len(result.num_rows))
        np.fmax.at(best, result.group[is_kept], given[is_kept])
        has_both = (result.weight > result.positive) & (result.positive > 0.0)
        return np.where(has_both, best, np.nan)
