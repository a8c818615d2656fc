"""The squared correlation: how well a straight line of predictions fits the labels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["SquaredPearson"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SquaredPearson(SumMetric):
    """The square of the correlation of predictions with labels: it forgives a wrong scale and a wrong zero.

    NaN where one of them is the same everywhere.

    Source: Pearson (1895); TensorFlow Model Analysis, `SquaredPearsonCorrelation`.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "all labels or all predictions are the same"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The prediction, both squared, and their product."""
        with np.errstate(all="ignore"):
            return [prediction, np.square(label), np.square(prediction), label * prediction]

    def value(self, result: SumsResult) -> Floats:
        """From the means."""
        told, labels, predictions, product = result.means
        label = ratio(result.positive, result.weight)
        spreads = [labels - np.square(label), predictions - np.square(told)]
        # What is left of a spread beyond 2^-40 of the squares is rounding.
        first, second = (
            np.where(s > 2.0**-40 * m, s, 0.0) for s, m in zip(spreads, (labels, predictions), strict=True)
        )
        return ratio(np.square(product - label * told), first * second)
