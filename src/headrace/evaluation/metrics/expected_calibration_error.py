"""Expected calibration error: how far predicted probabilities are from what happens, bin by bin."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["ExpectedCalibrationError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ExpectedCalibrationError(SumMetric):
    """The distance of mean prediction and mean label, averaged over bins of predictions by their weight; 0 is perfect.

    Bins are of equal width. Small groups have an error even of perfect predictions: that of chance.

    Predictions must be probabilities, 0 to 1: any other makes the group NaN.

    Parameters
    ----------
    num_bins : int
        1 to 100.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015).
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    num_bins: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.num_bins <= 100:
            raise InvalidInput(f"num_bins = {self.num_bins}", where="expected_calibration_error", expected="1 to 100")

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """By bin, prediction minus label of the rows in it."""
        is_probability = (prediction >= 0.0) & (prediction <= 1.0)
        held = np.where(is_probability, prediction, 0.0)
        index = np.minimum((held * self.num_bins).astype(np.int64), self.num_bins - 1)
        apart = np.where(is_probability, prediction - label, np.nan)
        return [np.where((index == one) | ~is_probability, apart, 0.0) for one in range(self.num_bins)]

    def value(self, result: SumsResult) -> Floats:
        """The sum over bins of |prediction - label|, as a share of the weight."""
        with np.errstate(invalid="ignore"):
            return ratio(np.asarray(sum(np.abs(one) for one in result.totals)), result.weight)
