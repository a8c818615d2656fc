"""Metrics of decisions among several classes: each row is called its likeliest class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import Misuse
from headrace.evaluation._contract import Metric, ratio
from headrace.fold import Fold
from headrace.fold._class_scores import called_of
from headrace.fold.class_totals import ClassTotals, ClassTotalsResult
from headrace.fold.label_sums import LabelTotals, LabelTotalsResult

__all__ = ["ClassDecisions", "ClassMetric", "class_f1", "class_precision", "class_recall", "is_met"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]

_STEP = 1e-4


class ClassDecisions:
    """What a metric inherits that is a function of sums over classes: write `class_parts` and `of_parts`.

    `class_parts` gives for every class by itself, from its three weights, what is summed over the classes; `of_parts`
    makes the metric of these sums. Value and influence follow. A metric that also judges one number a row puts this
    before its other base, and calls `class_value` in `value` where the result is a `ClassTotalsResult`. With
    `has_labels` it judges sets of labels too, each called where its probability is 0.5 or more; by `label_parts`, where
    those are others.
    """

    has_classes: ClassVar[bool] = True

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> Sequence[Floats]:
        """Arrays of [num_groups, num_classes], each class by itself, from the three weights of the same shape."""
        raise NotImplementedError

    def label_parts(self, labelled: Floats, called: Floats, right: Floats) -> Sequence[Floats]:
        """The same of labels, of which a row may have several or none."""
        return self.class_parts(labelled, called, right)

    def of_parts(self, *sums: Floats) -> Floats:
        """The metric, float64[num_groups], from what `class_parts` sums to."""
        raise NotImplementedError

    def needs_classes(self, label: str, prediction: str, num_classes: int) -> Fold[Any, Any]:
        """Exact weights by class."""
        return ClassTotals(label, prediction, num_classes)

    def needs_labels(self, label: str, prediction: str, num_labels: int) -> Fold[Any, Any]:
        """Exact weights by label."""
        return LabelTotals(label, prediction, num_labels)

    def class_value(self, result: ClassTotalsResult) -> Floats:
        """The metric of each group."""
        with np.errstate(all="ignore"):
            found = np.asarray(self.of_parts(*self._sums(result)), np.float64)
        # Labels are counted, met or not; without a row there is none.
        return np.where(result.weight > 0.0, found, np.nan) if isinstance(result, LabelTotalsResult) else found

    def _sums(self, result: ClassTotalsResult) -> list[Floats]:
        # One after the other: the same bits on every machine.
        parts = self._parts(result)(result.labelled, result.called, result.right)
        return [np.add.accumulate(part, axis=1)[:, -1] for part in parts]

    def _parts(self, result: ClassTotalsResult) -> Callable[[Floats, Floats, Floats], Sequence[Floats]]:
        return self.label_parts if isinstance(result, LabelTotalsResult) else self.class_parts

    def influence(self, label: Floats, prediction: Floats, groups: Groups, result: Any) -> Floats:
        """By the chain rule: how the metric moves with each sum, and each sum with the weights of a row's two classes.

        Source: Hampel, "The influence curve and its role in robust estimation" (1974).
        """
        if not isinstance(result, ClassTotalsResult):
            found: Floats = super().influence(label, prediction, groups, result)  # type: ignore[misc]
            return found
        weights = [result.labelled, result.called, result.right]
        with np.errstate(all="ignore"):
            outer, parts = self._outer(self._sums(result)), self._parts(result)
            step = _STEP * ratio(result.weight, result.num_rows)[:, None]
            slopes = []
            for place in range(3):
                ends = []
                for sign in (1.0, -1.0):
                    moved = [one + sign * step if other == place else one for other, one in enumerate(weights)]
                    ends.append(parts(*moved))
                inner = [(up - down) / (2.0 * step) for up, down in zip(*ends, strict=True)]
                told = sum(by[:, None] * one for by, one in zip(outer, inner, strict=True))
                slopes.append(np.where(np.isfinite(told), told, 0.0))
        of_label, of_called, of_right = slopes
        if isinstance(result, LabelTotalsResult):
            has, is_called = label, (prediction >= 0.5).astype(np.float64)
            told = of_label[groups] * has + of_called[groups] * is_called + of_right[groups] * has * is_called
            return np.asarray(np.add.accumulate(told, axis=1)[:, -1], np.float64)
        labels, called = label.astype(np.int64), called_of(prediction)
        return np.asarray(
            of_label[groups, labels]
            + of_called[groups, called]
            + np.where(labels == called, of_right[groups, called], 0.0),
            np.float64,
        )

    def _outer(self, sums: list[Floats]) -> list[Floats]:
        slopes = []
        for place, one in enumerate(sums):
            step = _STEP * np.maximum(np.abs(one), 1e-9)
            ends = [
                self.of_parts(*(item + sign * step if other == place else item for other, item in enumerate(sums)))
                for sign in (1.0, -1.0)
            ]
            slope = (ends[0] - ends[1]) / (2.0 * step)
            slopes.append(np.where(np.isfinite(slope), slope, 0.0))
        return slopes


@dataclass(frozen=True, kw_only=True)
class ClassMetric(ClassDecisions, Metric):
    """A metric of decisions among several classes alone: write `class_parts` and `of_parts`."""

    has_numbers: ClassVar[bool] = False

    def needs(self, label: str, prediction: str) -> ClassTotals:
        """Raises Misuse: it judges several classes."""
        raise Misuse(f"metric {self.name!r} judges several classes, not one number a row")

    def value(self, result: ClassTotalsResult) -> Floats:
        """The metric of each group."""
        return self.class_value(result)


def is_met(labelled: Floats, called: Floats) -> Floats:
    """1.0 for a class that rows have or are called, else 0.0: those that scikit-learn averages over."""
    return np.asarray((labelled > 0.0) | (called > 0.0), np.float64)


def class_precision(labelled: Floats, called: Floats, right: Floats) -> Floats:
    """Of each class the share that is right of what is called it; 0 where nothing is."""
    return np.where(called > 0.0, right / np.where(called > 0.0, called, 1.0), 0.0)


def class_recall(labelled: Floats, called: Floats, right: Floats) -> Floats:
    """Of each class the share of its rows that is found; 0 where there are none."""
    return np.where(labelled > 0.0, right / np.where(labelled > 0.0, labelled, 1.0), 0.0)


def class_f1(labelled: Floats, called: Floats, right: Floats) -> Floats:
    """Of each class the harmonic mean of precision and recall; 0 where nothing is right."""
    either = labelled + called
    return np.where(either > 0.0, 2.0 * right / np.where(either > 0.0, either, 1.0), 0.0)
