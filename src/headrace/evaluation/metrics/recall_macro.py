"""Recall, macro: how much of a class is found, each class counting the same."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassMetric, class_recall, is_met, ratio

__all__ = ["RecallMacro"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecallMacro(ClassMetric):
    """The mean over classes of the share of its rows that is found: rare ones count as much as frequent ones.

    Of the classes that rows have or are called; 0 for one of which nothing is right.

    Source: scikit-learn's `recall_score(average="macro", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True
    has_labels: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Of each class, and that it is met."""
        return [class_recall(labelled, called, right), is_met(labelled, called)]

    def label_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Of each label, met or not: scikit-learn counts those there are."""
        return [class_recall(labelled, called, right), np.ones_like(labelled)]

    def of_parts(self, *sums: Floats) -> Floats:
        """The mean."""
        return ratio(*sums)
