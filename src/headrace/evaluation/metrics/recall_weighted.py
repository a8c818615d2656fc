"""Recall, weighted: how much of a class is found, each class counting by its rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassMetric, class_recall, ratio

__all__ = ["RecallWeighted"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecallWeighted(ClassMetric):
    """The mean over classes of the share of its rows that is found, each counting as much as rows have it.

    0 for a class of which nothing is right.

    Source: scikit-learn's `recall_score(average="weighted", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True
    has_labels: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Of each class times its rows, and these."""
        return [labelled * class_recall(labelled, called, right), labelled]

    def of_parts(self, *sums: Floats) -> Floats:
        """The weighted mean."""
        return ratio(*sums)
