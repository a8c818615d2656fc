"""Calibration: the sum of predictions beside the sum of labels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["CalibrationRatio"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CalibrationRatio(SumMetric):
    """Sum of predictions / sum of labels: 1 where they are right on the whole, 1.2 where they are a fifth too much.

    NaN where the labels sum to 0. Neither way is up: rules hold it between two numbers.

    Source: McMahan et al., "Ad click prediction: a view from the trenches" (2013), section 7.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    undefined: ClassVar[str] = "the labels sum to 0"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The prediction of each row."""
        return [prediction]

    def value(self, result: SumsResult) -> Floats:
        """What was predicted over what was."""
        return ratio(result.totals[0], result.positive)
