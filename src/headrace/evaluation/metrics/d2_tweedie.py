"""D2 of Tweedie's deviance: how much of the deviance from the mean label predictions explain."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import SumMetric, ratio
from headrace.evaluation.metrics.mean_tweedie_deviance import MeanTweedieDeviance
from headrace.fold import SumsResult

__all__ = ["D2Tweedie"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class D2Tweedie(SumMetric):
    """1 - (deviance of the predictions) / (deviance of the mean label for every row).

    1 is perfect, 0 is the mean for every row. NaN where all labels are equal, and as `mean_tweedie_deviance` is.

    Parameters
    ----------
    power : float
        Above 1 and below 2: between counts and amounts.

    Raises InvalidInput for another power.

    Source: Hastie, Tibshirani and Wainwright, "Statistical learning with sparsity" (2015), section 3.8; scikit-learn's
    `d2_tweedie_score`.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    undefined: ClassVar[str] = "all labels are equal"

    power: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1.0 < self.power < 2.0:
            raise InvalidInput(
                f"power = {self.power}", where="d2_tweedie", expected="1 < power < 2", fix="0 is r2: take that"
            )

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The deviance of each row, and the label to the power that the deviance of a constant is made of."""
        (told,) = MeanTweedieDeviance(power=self.power).terms(label, prediction)
        with np.errstate(invalid="ignore"):
            return [told, np.power(label, 2.0 - self.power)]

    def value(self, result: SumsResult) -> Floats:
        """One minus what is left of the deviance."""
        one, two = 1.0 - self.power, 2.0 - self.power
        left, raised = result.means
        mean = ratio(result.positive, result.weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Of the mean itself the two last terms of the deviance are one.
            whole = 2.0 * (raised - np.power(mean, two)) / (one * two)
        return 1.0 - ratio(left, np.where(whole > 1e-14 * raised, whole, 0.0))
