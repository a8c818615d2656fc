"""F1 of one class: the harmonic mean of its precision and recall."""

from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.evaluation import OneClassMetric

__all__ = ["F1Of"]


@dataclass(frozen=True, kw_only=True)
class F1Of(OneClassMetric):
    """Twice the rows rightly called one class, among those of it and those called it.

    `F1Of(of="oak", name="f1_oak")` is held to by the rule `f1_oak >= 0.8`.

    Parameters
    ----------
    of : str or int
        Which class, by its value; 0 by default.
    place : int or None
        Where it stands among the classes; evaluation finds it.

    Source: scikit-learn's `f1_score(labels=[of], average=None)`.
    """

    undefined: ClassVar[str] = "no row is of that class or called it"

    def of_class(self, labelled: Any, called: Any, right: Any) -> tuple[Any, Any]:
        """What is right counts on both sides."""
        return 2.0 * right, labelled + called
