"""The calibration slope: how far labels move when predictions do."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["CalibrationSlope"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CalibrationSlope(SumMetric):
    """The slope of the straight line of labels over predictions: 1 is right, below 1 predictions are too bold.

    NaN where all predictions are the same. Neither way is up: rules hold it between two numbers.

    Source: Cox, "Two further applications of a model for binary regression" (1958), in the scale of predictions.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    undefined: ClassVar[str] = "all predictions are the same"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The prediction, it squared, and its product with the label."""
        with np.errstate(all="ignore"):
            return [prediction, np.square(prediction), label * prediction]

    def value(self, result: SumsResult) -> Floats:
        """The covariance over the variance of predictions."""
        told, squares, product = result.means
        spread = squares - np.square(told)
        # What is left of a spread beyond 2^-40 of the squares is rounding.
        return ratio(
            product - ratio(result.positive, result.weight) * told, np.where(spread > 2.0**-40 * squares, spread, 0.0)
        )
