"""Cohen's kappa: how far decisions and labels agree beyond chance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassDecisions, ThresholdMetric, ratio
from headrace.fold import ClassTotalsResult, SumsResult

__all__ = ["CohenKappa"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CohenKappa(ClassDecisions, ThresholdMetric):
    """(agreement - chance) / (1 - chance), from -1 to 1; 0 is what decisions get that do not look at the row.

    NaN where chance alone agrees everywhere.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Cohen, "A coefficient of agreement for nominal scales" (1960); scikit-learn's `cohen_kappa_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    undefined: ClassVar[str] = "decisions and labels are all one class"

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Agreement, all rows, and how often chance would agree."""
        return [right, labelled, labelled * called]

    def of_parts(self, *sums: Floats) -> Floats:
        """Agreement beyond chance."""
        right, total, both = sums
        chance = ratio(ratio(both, total), total)
        return ratio(ratio(right, total) - chance, 1.0 - chance)

    def value(self, result: SumsResult | ClassTotalsResult) -> Floats:
        """Agreement beyond chance, from shares so that nothing overflows."""
        if isinstance(result, ClassTotalsResult):
            return self.class_value(result)
        tp, fp, fn, tn = (ratio(one, result.weight) for one in self.confusion(result))
        chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
        return ratio(tp + tn - chance, 1.0 - chance)
