"""Metrics of how the scores of each class rank rows: against the rest, or pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput, Misuse
from headrace.evaluation._contract import Metric, ratio
from headrace.evaluation.metrics.roc_auc import RocAuc
from headrace.fold.class_curves import ClassCurves, ClassCurvesResult, spread_rows

__all__ = ["ClassAreas"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]

_MOST_CLASSES = 100


@dataclass(frozen=True, kw_only=True)
class ClassAreas(Metric):
    """A mean of areas under ROC curves of classes.

    Of the curves that are defined: a class that a slice has no row of, or nothing else, has none.
    Cost: that of `roc_auc` for every class, twice that for pairs; at most 100 classes.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "needs rows of two classes"
    has_classes: ClassVar[bool] = True
    has_numbers: ClassVar[bool] = False
    is_paired: ClassVar[bool] = False
    is_weighted: ClassVar[bool] = False

    def needs(self, label: str, prediction: str) -> ClassCurves:
        """Raises Misuse: it judges several classes."""
        raise Misuse(f"metric {self.name!r} judges several classes, not one number a row", fix="take roc_auc")

    def needs_classes(self, label: str, prediction: str, num_classes: int) -> ClassCurves:
        """The exact curves. Raises InvalidInput for more than 100 classes."""
        if num_classes > _MOST_CLASSES:
            raise InvalidInput(
                f"{num_classes} classes", where=self.name, expected=f"at most {_MOST_CLASSES}", fix="take log_loss"
            )
        return ClassCurves(label, prediction, num_classes, self.is_paired)

    def support(self, result: ClassCurvesResult) -> Floats:
        """The rows of the rarest class that occurs."""
        found: Floats = np.where(result.labelled > 0.0, result.labelled, np.inf).min(axis=1)
        return found

    def _areas(self, result: ClassCurvesResult) -> tuple[Floats, Floats]:
        """The area of each curve and how much it counts, [num_groups, num_curves]; 0 for one that is not defined."""
        areas = RocAuc().value(result.curves).reshape(len(result.num_rows), -1)
        is_told = np.isfinite(areas)
        counts = np.where(is_told, result.labelled if self.is_weighted else 1.0, 0.0)
        return np.where(is_told, areas, 0.0), counts

    def value(self, result: ClassCurvesResult) -> Floats:
        """The mean of the areas."""
        if not len(result.num_rows):
            return np.zeros(0)
        areas, counts = self._areas(result)
        # One after the other: the same bits on every machine.
        total, all_counts = (np.add.accumulate(one, axis=1)[:, -1] for one in (areas * counts, counts))
        return ratio(total, all_counts)

    def influence(self, label: Floats, prediction: Floats, groups: Groups, result: ClassCurvesResult) -> Floats:
        """The influence on each curve's area, times how much that counts; and on how much it counts.

        Source: DeLong, DeLong and Clarke-Pearson (1988), for several curves of the same rows.
        """
        entries = spread_rows(label, prediction, is_paired=self.is_paired)
        areas, counts = self._areas(result)
        total = np.add.accumulate(counts, axis=1)[:, -1]
        places = groups[entries.row].astype(np.int64) * areas.shape[1] + entries.curve
        share = ratio(counts, total[:, None]).reshape(-1)
        told = RocAuc().influence(entries.label, entries.score, places.astype(np.int32), result.curves)
        moved = np.where(share[places] > 0.0, share[places] * told, 0.0)
        found = np.bincount(entries.row, weights=moved, minlength=len(label))
        if self.is_weighted:
            own = np.minimum(label.astype(np.int64), areas.shape[1] - 1)
            is_known = (label < areas.shape[1]) & (counts[groups, own] > 0.0)
            apart = ratio(areas[groups, own] - self.value(result)[groups], total[groups])
            found = found + np.where(is_known, apart, 0.0)
        return np.asarray(found, np.float64)
