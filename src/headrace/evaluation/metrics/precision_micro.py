"""Precision, micro: how much of what is called a class is of it, over all classes together."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassMetric, ratio

__all__ = ["PrecisionMicro"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PrecisionMicro(ClassMetric):
    """The share of rows that are called their class.

    Of single classes micro precision, recall and F1 are all the accuracy; users of scikit-learn ask by either name. Of
    sets of labels they differ; NaN where no row is called one.

    Source: scikit-learn's `precision_score(average="micro", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True
    has_labels: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """The rows that are right, and all."""
        return [right, labelled]

    def label_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """What is right of what is called, over all labels."""
        return [right, called]

    def of_parts(self, *sums: Floats) -> Floats:
        """Right rows among all rows."""
        return ratio(*sums)
