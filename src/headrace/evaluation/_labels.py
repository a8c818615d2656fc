"""Metrics of rows that may have several labels, or none: each row by itself, averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput, Misuse
from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import Sums, SumsResult

__all__ = ["LabelMetric", "LabelThresholdMetric"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LabelMetric(SumMetric):
    """A metric of sets of labels that is the mean over rows: write `of_rows`."""

    has_numbers: ClassVar[bool] = False
    has_labels: ClassVar[bool] = True

    def of_rows(self, label: Floats, prediction: Floats) -> Floats:
        """The metric of each row, float64[num_rows], from labels of 0 and 1 and as many probabilities."""
        raise NotImplementedError

    def label_terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[Any]]:
        """The metric of each row."""
        return [self.of_rows(label, prediction)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean over rows."""
        return result.means[0]

    def needs(self, label: str, prediction: str) -> Sums:
        """Raises Misuse: it judges sets of labels."""
        raise Misuse(f"metric {self.name!r} judges sets of labels, not one number a row")

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """Nothing: it judges sets of labels."""
        return []


@dataclass(frozen=True, kw_only=True)
class LabelThresholdMetric(LabelMetric):
    """One of decisions: a row is called every label whose probability is high enough; write `of_called`.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.
    """

    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self.threshold):
            raise InvalidInput(f"threshold = {self.threshold}", where=self.name, expected="a finite number")

    def of_called(self, label: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> Floats:
        """The metric of each row, float64[num_rows], from two arrays of bool[num_rows, num_labels]."""
        raise NotImplementedError

    def of_rows(self, label: Floats, prediction: Floats) -> Floats:
        """The metric of each row."""
        return np.asarray(self.of_called(label > 0.0, prediction >= self.threshold), np.float64)
