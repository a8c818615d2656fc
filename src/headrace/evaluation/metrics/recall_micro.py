"""Recall, micro: how much of a class is found, over all classes together."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassMetric, ratio

__all__ = ["RecallMicro"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecallMicro(ClassMetric):
    """The share of rows that are called their class.

    Of single classes micro precision, recall and F1 are all the accuracy; users of scikit-learn ask by either name. Of
    sets of labels they differ; NaN where no row has one.

    Source: scikit-learn's `recall_score(average="micro", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True
    has_labels: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """The rows that are right, and all."""
        return [right, labelled]

    def label_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """What is found of what there is, over all labels."""
        return [right, labelled]

    def of_parts(self, *sums: Floats) -> Floats:
        """Right rows among all rows."""
        return ratio(*sums)
