"""Log loss: how surprised the probabilities are by what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import SumMetric
from headrace.evaluation._shares import are_shares, of_own
from headrace.fold.sums import SumsResult

__all__ = ["LogLoss"]

Floats = npt.NDArray[np.float64]

# The spacing of float32, in which models predict: scikit-learn's clip for float32 predictions.
_EPSILON = 2.0**-23


@dataclass(frozen=True, kw_only=True)
class LogLoss(SumMetric):
    """Mean negative logarithm of the probability given to what happened, in nats; 0 is perfect.

    It is what most binary models are trained on. Probabilities are clipped to 2^-23 .. 1 - 2^-23, so that one certain
    and wrong row costs 15.9 and not infinity.

    Predictions must be probabilities, 0 to 1 (of several classes of sum 1): any other makes the group NaN. Exact to
    2^-41 given each row's logarithm.

    >>> LogLoss().higher_is_better
    False

    Source: Good, "Rational decisions" (1952); scikit-learn's `log_loss` of float32 predictions.
    """

    higher_is_better: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The loss of each row."""
        happened = np.clip(np.where(label == 1.0, prediction, 1.0 - prediction), _EPSILON, 1.0 - _EPSILON)
        is_probability = (prediction >= 0.0) & (prediction <= 1.0)
        return [np.where(is_probability, -np.log(happened), np.nan)]

    has_classes: ClassVar[bool] = True

    def class_terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The loss of each row: of the probability given to its class, 0 for a value that no class has."""
        happened = np.clip(of_own(label, prediction), _EPSILON, 1.0 - _EPSILON)
        return [np.where(are_shares(prediction), -np.log(happened), np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]
