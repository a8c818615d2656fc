"""Mean Tweedie deviance: for amounts that are often nothing, such as claims."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanTweedieDeviance"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanTweedieDeviance(SumMetric):
    """The weighted mean deviance of a Tweedie distribution of power 1 to 2: between counts and amounts.

    Labels from 0 on, predictions above 0: others make the group NaN.

    Parameters
    ----------
    power : float
        Above 1 and below 2.

    Raises InvalidInput for another power.

    Source: Jorgensen, "The theory of dispersion models" (1997); scikit-learn's `mean_tweedie_deviance`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    power: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1.0 < self.power < 2.0:
            fix = "of 1 and 2 take mean_poisson_deviance and mean_gamma_deviance"
            raise InvalidInput(
                f"power = {self.power}", where="mean_tweedie_deviance", expected="1 < power < 2", fix=fix
            )

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The deviance of each row."""
        with np.errstate(all="ignore"):
            one, two = 1.0 - self.power, 2.0 - self.power
            of_label = np.power(label, two) / (one * two)
            told = 2.0 * (of_label - label * np.power(prediction, one) / one + np.power(prediction, two) / two)
            return [np.where((label >= 0.0) & (prediction > 0.0), told, np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]
