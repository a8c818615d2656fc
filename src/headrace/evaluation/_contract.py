"""What a metric is: the fold it needs, and the value it reads off that fold's result, one a group.

A metric is a frozen dataclass whose fields all have defaults, in a file of its own in `metrics/`: the stem is the
name users type, and the class has that name without underscores. `docs/extending/metric.md` has one to copy.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from headrace import lookup
from headrace.calls import Checked
from headrace.errors import InvalidInput, Misuse
from headrace.fold import Fold
from headrace.fold.class_sums import ClassSums
from headrace.fold.kernels.by_group import slope_rows
from headrace.fold.label_sums import LabelSums
from headrace.fold.sums import Sums, SumsResult

__all__ = ["Metric", "MetricResult", "SumMetric", "fold_of", "make_metrics", "member_name", "ratio"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]

_STEP = 1e-4


class MetricResult(Protocol):
    """What every result of a metric's fold can say, arrays of [num_groups]; see `SumsResult`, `ScoreCurveResult`."""

    @property
    def num_rows(self) -> npt.NDArray[np.int64]:
        """Rows with a label."""

    @property
    def num_invalid(self) -> npt.NDArray[np.int64]:
        """Rows that could not be counted; above 0 the metric is NaN."""

    @property
    def weight(self) -> Floats:
        """Weight of the rows."""

    @property
    def positive(self) -> Floats:
        """Weight of the positive rows, where labels are 0 and 1."""


def member_name(cls: type[Any]) -> str:
    """The name by which `headrace.lookup` finds a metric class.

    Raises Misuse for a class that is in no file of `metrics/` and behind no entry point: its name could not travel.
    """
    for name in lookup.names("metric"):
        if name.replace("_", "") == cls.__name__.lower() and lookup.find("metric", name) is cls:
            return name
    raise Misuse(
        f"{cls.__name__} cannot be found by name",
        where=cls.__module__,
        expected="a class in a file of its name in headrace/evaluation/metrics, or behind an entry point",
        fix="see docs/extending/metric.md",
    )


@dataclass(frozen=True, kw_only=True)
class Metric(Checked, ABC):
    """The contract of a metric.

    Parameters
    ----------
    name : str
        What it is called in results and rules; by default the name of its file.

    `higher_is_better` says which way is up; `is_binary` that labels must be 0 or 1 (other rows are invalid, and the
    group NaN). It judges one number a row (`has_numbers`, by `needs`), models of several classes (`has_classes`, by
    `needs_classes`), rows that have a set of labels (`has_labels`, by `needs_labels`) or several of these, or it ranks
    the rows of each query (`has_queries`). `limits` are between which values it always lies, `class_limits` of several
    classes where that differs; `undefined` says why `value` may be NaN although there are rows, as a person says it.
    """

    higher_is_better: ClassVar[bool]
    is_binary: ClassVar[bool] = True
    has_classes: ClassVar[bool] = False
    has_labels: ClassVar[bool] = False
    has_numbers: ClassVar[bool] = True
    has_queries: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    class_limits: ClassVar[tuple[float, float] | None] = None
    undefined: ClassVar[str] = "not defined for these rows"

    name: str = field(default="")

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", member_name(type(self)))
        if not (self.name.isidentifier() and self.name.isascii()):
            raise InvalidInput(f"{self.name!r} cannot name a metric in a rule", expected="letters, digits and _")

    @abstractmethod
    def needs(self, label: str, prediction: str) -> Fold[Any, Any]:
        """The fold over these two columns that `value` reads; metrics with equal folds share it."""

    def needs_classes(self, label: str, prediction: str, num_classes: int) -> Fold[Any, Any]:
        """The fold where labels are places of classes and a prediction is a list of a probability for each.

        A label of `num_classes` is a value that no class of the model has: it is never predicted rightly.
        """
        raise Misuse(f"metric {self.name!r} does not judge several classes")

    def needs_labels(self, label: str, prediction: str, num_labels: int) -> Fold[Any, Any]:
        """The fold where labels are lists of 0 and 1 for each label, and a prediction one of a probability for each."""
        raise Misuse(f"metric {self.name!r} does not judge sets of labels")

    def for_classes(self, classes: Sequence[str | int]) -> Self:
        """The metric for a model of these classes: itself, unless it has to know where one stands among them."""
        return self

    @abstractmethod
    def value(self, result: Any) -> Floats:
        """The metric of each group, float64[num_groups]; NaN where it is not defined, never an exception."""

    def influence(self, label: Floats, prediction: Floats, groups: Groups, result: Any) -> Floats | None:
        """How much the metric of a row's group would move if the row counted a little more, float64[num_rows].

        Of several classes `prediction` is float64[num_rows, num_classes], of sets of labels `label` as well.
        Per unit of weight: the sum of (weight x influence)^2 is then the variance of the metric. None, the default,
        where only resampling can tell: that costs 200 passes. Rows of groups that hold invalid rows may say anything.
        """
        return None

    def support(self, result: Any) -> Floats:
        """The weight of the rows the value is a share of, float64[num_groups]; asked only of metrics with limits."""
        return np.asarray(result.weight, np.float64)

    @property
    def parameters(self) -> dict[str, Any]:
        """The fields the metric was made with, `name` left out."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "name"}


@dataclass(frozen=True, kw_only=True)
class SumMetric(Metric):
    """A metric made of sums over rows: write `terms` and `value`, the rest is here.

    With `has_classes` write `class_terms`, too, with `has_labels` `label_terms`; `value` is the same.
    """

    @abstractmethod
    def terms(self, label: Floats, prediction: Floats) -> Sequence[npt.NDArray[Any]]:
        """What is summed: arrays of [num_rows], each row on its own; NaN makes the row invalid. May get no rows."""

    def class_terms(self, label: Floats, prediction: Floats) -> Sequence[npt.NDArray[Any]]:
        """The same for predictions of float64[num_rows, num_classes] and labels that are places of classes."""
        raise Misuse(f"metric {self.name!r} does not judge several classes")

    def label_terms(self, label: Floats, prediction: Floats) -> Sequence[npt.NDArray[Any]]:
        """The same for labels of 0 and 1 and predictions, both float64[num_rows, num_labels]."""
        raise Misuse(f"metric {self.name!r} does not judge sets of labels")

    def row_terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[Any] | None]:
        """What each row adds to the weight (None: one), the positive weight and each total, by what it is told of."""
        if label.ndim > 1:
            return [None, np.zeros(len(label)), *self.label_terms(label, prediction)]
        return [None, label, *(self.terms if prediction.ndim == 1 else self.class_terms)(label, prediction)]

    @abstractmethod
    def value(self, result: SumsResult) -> Floats:
        """The metric of each group from `result.totals`, `result.means` and `result.weight`."""

    def needs(self, label: str, prediction: str) -> Sums:
        """Exact sums of this metric's terms."""
        return Sums(member_name(type(self)), tuple(self.parameters.items()), label, prediction)

    def needs_classes(self, label: str, prediction: str, num_classes: int) -> Fold[Any, Any]:
        """Exact sums of this metric's `class_terms`."""
        name, parameters = member_name(type(self)), tuple(self.parameters.items())
        return ClassSums(name, parameters, label, prediction, num_classes=num_classes)

    def needs_labels(self, label: str, prediction: str, num_labels: int) -> Fold[Any, Any]:
        """Exact sums of this metric's `label_terms`."""
        name, parameters = member_name(type(self)), tuple(self.parameters.items())
        return LabelSums(name, parameters, label, prediction, num_classes=num_labels)

    def influence(self, label: Floats, prediction: Floats, groups: Groups, result: SumsResult) -> Floats | None:
        """The slopes of `value` at the group's sums, times what the row adds to each sum.

        Source: Hampel, "The influence curve and its role in robust estimation" (1974).
        """
        with np.errstate(all="ignore"):
            return slope_rows(self.row_terms(label, prediction), self.slopes(result), groups)

    def slopes(self, result: SumsResult) -> list[Floats]:
        """How `value` moves with the weight, the positive weight and each total; from a small step either way."""
        places = [result.weight, result.positive, *result.totals]
        mean_weight = ratio(result.weight, result.num_rows)
        slopes = []
        for index, place in enumerate(places):
            step = _STEP * np.maximum(np.abs(place), mean_weight)
            ends = []
            for sign in (1.0, -1.0):
                moved = [one + sign * step if other == index else one for other, one in enumerate(places)]
                near = dataclasses.replace(result, weight=moved[0], positive=moved[1], totals=tuple(moved[2:]))
                ends.append(np.asarray(self.value(near), np.float64))
            slope = (ends[0] - ends[1]) / (2.0 * step)
            # At an edge (a root of 0) one side has no value: the row then says nothing.
            slopes.append(np.where(np.isfinite(slope), slope, 0.0))
        return slopes


def ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Floats:
    """numerator / denominator, float64[num_groups]; NaN, without a warning, where the denominator is 0.

    >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    return np.asarray(numerator / np.where(denominator == 0, np.nan, denominator), np.float64)


def fold_of(
    metric: Metric, label: str, prediction: str, num_classes: int, *, is_labels: bool = False
) -> Fold[Any, Any]:
    """The fold over these two columns: of one number a row, of `num_classes` where that is above 0, or of labels."""
    if is_labels:
        return metric.needs_labels(label, prediction, num_classes)
    return metric.needs_classes(label, prediction, num_classes) if num_classes else metric.needs(label, prediction)


def make_metrics(
    metrics: Sequence[str | Metric],
    *,
    num_classes: int = 0,
    classes: Sequence[str | int] = (),
    has_queries: bool = False,
    is_labels: bool = False,
) -> tuple[Metric, ...]:
    """Metrics from names ("roc_auc") and instances, in the order given.

    Raises UnknownName with the nearest name; InvalidInput when there are none, or two of one name; Misuse for one that
    does not judge predictions of so many classes (0 = one number a row) or sets of labels (`is_labels`), or ranks
    queries where there are none.
    """
    if isinstance(metrics, (str, Metric)):
        metrics = [metrics]
    made: list[Metric] = []
    for item in metrics:
        if not isinstance(item, (str, Metric)):
            raise Misuse(f"{item!r} is not a metric", expected="a name, or an instance such as RocAuc()")
        metric = lookup.find("metric", item)() if isinstance(item, str) else item
        if any(metric.name == other.name for other in made):
            raise InvalidInput(
                f"two metrics are called {metric.name!r}", fix=f"give one another name, as in name='{metric.name}_2'"
            )
        if metric.has_queries and not has_queries:
            raise Misuse(
                f"metric {metric.name!r} ranks the rows of each query",
                where="metrics",
                fix="name the column whose equal values are one query, as in query='session'",
            )
        if not _fits(type(metric), num_classes, is_labels=is_labels) and not (metric.has_queries and not num_classes):
            known = {name: lookup.find("metric", name) for name in lookup.names("metric")}
            fitting = [name for name, one in known.items() if _fits(one, num_classes, is_labels=is_labels)]
            what = "sets of labels" if is_labels else "several classes" if num_classes else "one number a row"
            raise Misuse(
                f"metric {metric.name!r} does not judge {what}",
                where="metrics",
                expected=f"one of {', '.join(fitting)}",
            )
        made.append(metric.for_classes(classes) if classes else metric)
    if not made:
        raise InvalidInput("no metrics", expected=f"at least one of {', '.join(lookup.names('metric'))}")
    return tuple(made)


def _fits(cls: Any, num_classes: int, *, is_labels: bool) -> bool:
    return bool(cls.has_labels if is_labels else cls.has_classes if num_classes else cls.has_numbers)
