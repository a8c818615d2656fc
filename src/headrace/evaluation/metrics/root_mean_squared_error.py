"""Root mean squared error: how far predictions are from what happened, far misses counting most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import SumsResult

__all__ = ["RootMeanSquaredError"]

Floats = npt.NDArray[np.float64]

# Each row's square is summed in one of these, from 2^-30 times the unit up: sums keep 40 binary places below 1, and
# leave 20 above 2^30 for weights.
_UNITS = (2.0**-30, 1.0, 2.0**30, 2.0**60)


@dataclass(frozen=True, kw_only=True)
class RootMeanSquaredError(SumMetric):
    """The root of the mean squared distance between the prediction and the label, in the label's unit; 0 is perfect.

    It is what regression is mostly fitted on. Of a constant prediction at the mean it is the label's standard
    deviation, so `root_mean_squared_error <= baseline * 0.9` asks for a fifth of the variance to be explained.

    Any finite label and prediction up to 1e15. Within 2^-41 of each squared distance above 1, and within 2^-71 below.

    >>> RootMeanSquaredError().higher_is_better
    False

    Source: scikit-learn's `root_mean_squared_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared distance of each row, in the unit of its size; 0 in the other units."""
        with np.errstate(over="ignore", invalid="ignore"):  # infinite or NaN: a row that cannot be used
            squared = np.square(label - prediction)
        unit = np.searchsorted(_UNITS[1:], squared, side="right")
        return [np.where(unit == index, squared / size, 0.0) for index, size in enumerate(_UNITS)]

    def value(self, result: SumsResult) -> Floats:
        """The root of the weighted mean."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(sum(mean * size for mean, size in zip(result.means, _UNITS, strict=True)))
