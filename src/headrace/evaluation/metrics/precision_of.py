"""Precision of one class: how many of the rows called it are of it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.evaluation import OneClassMetric

__all__ = ["PrecisionOf"]


@dataclass(frozen=True, kw_only=True)
class PrecisionOf(OneClassMetric):
    """The share of rows called one class that are of it; of a label, that have it.

    `PrecisionOf(of="oak", name="precision_oak")` is held to by the rule `precision_oak >= 0.8`.

    Parameters
    ----------
    of : str or int
        Which class, by its value; 0 by default.
    place : int or None
        Where it stands among the classes; evaluation finds it.

    Source: scikit-learn's `precision_score(labels=[of], average=None)`.
    """

    undefined: ClassVar[str] = "no row is called that class"

    def of_class(self, labelled: Any, called: Any, right: Any) -> tuple[Any, Any]:
        """What is right of what is called."""
        return right, called
