"""Precision, weighted: how much of what is called a class is of it, each class counting by its rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassMetric, class_precision, ratio

__all__ = ["PrecisionWeighted"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PrecisionWeighted(ClassMetric):
    """The mean over classes of the share that is right of what is called it, each counting as much as rows have it.

    0 for a class of which nothing is right.

    Source: scikit-learn's `precision_score(average="weighted", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True
    has_labels: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Of each class times its rows, and these."""
        return [labelled * class_precision(labelled, called, right), labelled]

    def of_parts(self, *sums: Floats) -> Floats:
        """The weighted mean."""
        return ratio(*sums)
