"""The cost of wrong decisions, when a false alarm and a miss do not cost the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import SumMetric
from headrace.fold import Fold
from headrace.fold._class_scores import called_of
from headrace.fold.sums import SumsResult

__all__ = ["CostWeightedError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CostWeightedError(SumMetric):
    """Mean cost of a row when rows predicted at or above the threshold are taken as positive.

    Use it to gate on what errors cost in the unit of the business: with costs of 1 it is the error rate.

    Parameters
    ----------
    fp, fn : float
        What a false positive and a false negative cost, at least 0.
    threshold : float
        A prediction at or above it is positive.
    matrix : tuple of tuples of float
        Of several classes: what a row of each class (a row of the matrix) costs that is called each class (a column),
        in the order of the model's classes; below 0 where it earns. () = an error costs 1. A label that is no class has
        no cost, and makes its group NaN.

    Raises InvalidInput for a cost that is none, or a matrix that is not square, or of other classes.

    >>> CostWeightedError(matrix=((0, 1, 5), (1, 0, 1), (9, 1, 0))).matrix[2][0]
    9.0
    >>> CostWeightedError(fp=1, fn=5).name
    'cost_weighted_error'

    Source: Elkan, "The foundations of cost-sensitive learning" (2001).
    """

    higher_is_better: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True

    fp: float = 1.0
    fn: float = 1.0
    threshold: float = 0.5
    matrix: Any = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("fp", "fn", "threshold"):
            value = float(getattr(self, name))
            if not math.isfinite(value) or (name != "threshold" and value < 0.0):
                raise InvalidInput(f"{name} = {value}", where="cost_weighted_error", expected="a cost of at least 0")
            object.__setattr__(self, name, value)
        try:
            rows = tuple(tuple(float(cost) for cost in row) for row in self.matrix)
        except (TypeError, ValueError):
            rows = ((math.nan,),)
        if any(len(row) != len(rows) or not all(map(math.isfinite, row)) for row in rows):
            raise InvalidInput(
                f"matrix = {self.matrix!r}"[:200],
                where="cost_weighted_error",
                expected="as many rows as columns of finite numbers, one for each class",
            )
        object.__setattr__(self, "matrix", rows)

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was made with; a matrix only where there is one."""
        return {name: value for name, value in super().parameters.items() if name != "matrix" or value}

    def needs_classes(self, label: str, prediction: str, num_classes: int) -> Fold[Any, Any]:
        """Exact sums of costs. Raises InvalidInput for a matrix of another number of classes."""
        if self.matrix and len(self.matrix) != num_classes:
            raise InvalidInput(
                f"a matrix of {len(self.matrix)} classes", where=self.name, expected=f"{num_classes} rows and columns"
            )
        return super().needs_classes(label, prediction, num_classes)

    def class_terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The cost of each row: of its class and the likeliest."""
        num_classes = prediction.shape[1]
        costs = np.array(self.matrix, np.float64) if self.matrix else 1.0 - np.eye(num_classes)
        costs = np.concatenate([costs, np.full((1, num_classes), np.nan if self.matrix else 1.0)])
        return [costs[label.astype(np.int64), called_of(prediction)]]

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The cost of each row."""
        is_chosen = prediction >= self.threshold
        return [self.fp * (is_chosen & (label == 0.0)) + self.fn * (~is_chosen & (label == 1.0))]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]
