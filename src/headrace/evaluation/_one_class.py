"""Metrics of one class among several, or of one label that rows may have."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from headrace.errors import Misuse, UnknownName
from headrace.evaluation._classes import ClassMetric
from headrace.evaluation._contract import ratio
from headrace.fold.class_totals import ClassTotalsResult

__all__ = ["OneClassMetric"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OneClassMetric(ClassMetric):
    """A share that one class has: write `of_class`.

    Parameters
    ----------
    of : str or int
        Which class, by its value.
    place : int or None
        Where it stands among the classes; None = `of` itself, of classes 0, 1, 2 ... Evaluation finds it.
    """

    higher_is_better: ClassVar[bool] = True
    has_labels: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    of: str | int = 0
    place: int | None = None

    def for_classes(self, classes: Sequence[str | int]) -> Self:
        """The same, its class found. Raises UnknownName for a class that is none of them."""
        if self.of not in classes or isinstance(self.of, bool):
            raise UnknownName("class", str(self.of), [str(one) for one in classes], where=f"metric {self.name!r}")
        return dataclasses.replace(self, place=list(classes).index(self.of))

    def of_class(self, labelled: Any, called: Any, right: Any) -> tuple[Any, Any]:
        """What is shared, and of what: from the class's three weights, arrays of any shape."""
        raise NotImplementedError

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Of that class alone."""
        place = self.of if self.place is None else self.place
        if not isinstance(place, int):
            raise Misuse(
                f"class {place!r} of metric {self.name!r} is not found yet", fix="give place=, or evaluate with it"
            )
        is_it = (np.arange(labelled.shape[1]) == place).astype(np.float64)
        return [part * is_it for part in self.of_class(labelled, called, right)]

    def of_parts(self, *sums: Floats) -> Floats:
        """The share."""
        return ratio(*sums)

    def support(self, result: ClassTotalsResult) -> Floats:
        """The rows that it is a share of."""
        return self._sums(result)[1]
