"""Recall of one class: how many of its rows are called it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.evaluation import OneClassMetric

__all__ = ["RecallOf"]


@dataclass(frozen=True, kw_only=True)
class RecallOf(OneClassMetric):
    """The share of rows of one class that are called it; of a label, of rows that have it.

    `RecallOf(of="oak", name="recall_oak")` is held to by the rule `recall_oak >= 0.8`.

    Parameters
    ----------
    of : str or int
        Which class, by its value; 0 by default.
    place : int or None
        Where it stands among the classes; evaluation finds it.

    Source: scikit-learn's `recall_score(labels=[of], average=None)`.
    """

    undefined: ClassVar[str] = "no row is of that class"

    def of_class(self, labelled: Any, called: Any, right: Any) -> tuple[Any, Any]:
        """What is found of what there is."""
        return right, labelled
