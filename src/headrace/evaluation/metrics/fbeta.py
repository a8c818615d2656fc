"""F-beta: precision and recall together, recall counting beta times as much."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Fbeta"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Fbeta(ThresholdMetric):
    """The weighted harmonic mean of precision and recall; NaN where nothing is positive on either side.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.
    beta : float
        Above 0; 1 is F1, 2 counts recall twice as much as precision.

    Raises InvalidInput for a beta that is not above 0.

    Source: van Rijsbergen, "Information Retrieval" (1979); scikit-learn's `fbeta_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "nothing is positive, and nothing was predicted so"

    beta: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.beta < np.inf:
            raise InvalidInput(f"beta = {self.beta}", where="fbeta", expected="a finite number above 0")

    def value(self, result: SumsResult) -> Floats:
        """Rightly positive among what is positive, recall counting more."""
        tp, fp, fn, _ = self.confusion(result)
        square = self.beta * self.beta
        return ratio((1.0 + square) * tp, (1.0 + square) * tp + square * fn + fp)
