"""Gain: how much of what is positive the highest scores have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["Gain"]


@dataclass(frozen=True, kw_only=True)
class Gain(CurveMetric):
    """The share of the positive rows that are among the rows of the highest scores; chance gives `share`.

    Use it where only so many can be acted on: the tenth of customers that is called. Equal scores at the edge count in
    part, as if drawn among them.

    Parameters
    ----------
    share : float
        Which share of the rows is taken, above 0 and below 1.

    Raises InvalidInput for another share. Its interval is drawn again 200 times: where the edge lies moves with the
    rows.

    Source: Ling and Li, "Data mining for direct marketing" (1998).

    >>> Gain(share=0.2).name
    'gain'
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive"

    share: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.share < 1.0:
            raise InvalidInput(f"share = {self.share}", where=self.name, expected="above 0 and below 1")

    def support(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """The positive rows."""
        return np.asarray(result.positive, np.float64)

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Positive rows among the highest scores, by all positive ones."""
        weight = result.run_negative + result.run_positive
        above = result.weight[result.group] - result.negative_below - result.positive_below - weight
        inside = np.clip(self.share * result.weight[result.group] - above, 0.0, weight)
        taken = result.run_positive * np.where(weight > 0.0, inside / np.where(weight > 0.0, weight, 1.0), 0.0)
        found = np.bincount(result.group, weights=taken, minlength=len(result.num_rows))
        return ratio(found, result.positive)
