"""scikit-learn: linear models, forests, boosted trees and small networks, by our own converters."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from headrace import progress
from headrace.adapters.sklearn import converters
from headrace.adapters.sklearn.estimators import check_params, defaults_of, estimator_named, make, read_instance
from headrace.errors import HeadraceError, InvalidInput
from headrace.model.signature import Task
from headrace.training import Features, Group, Journal, Predictor, Space, Trainer, openmp
from headrace.training.refusals import refuse_infinite, refuse_missing, task_of

__all__ = ["Sklearn"]

if importlib.util.find_spec("sklearn") is None:
    # Said when the name is looked up; the import itself takes a while and waits until an estimator is named.
    raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

_SMALL_MATRIX = 250_000  # values
_PIECES = 20  # of a forest, between which it can be stopped
_EPSILON = 1e-15
_MOST_WARNINGS = 5


@dataclass(frozen=True)
class Sklearn(Trainer):
    """An estimator of scikit-learn, converted: linear models, trees, forests, boosting, multi-layer perceptrons.

    For those who know scikit-learn's parameters, and as a plain model that boosted trees must beat. Classifiers are
    for labels of 0 and 1, and for classes: text, or whole numbers, of three values or more (but for SGDClassifier and
    the solver liblinear, which fit one class against the rest).

    Parameters
    ----------
    estimator : estimator or str
        Such as `RandomForestClassifier(max_depth=8)`, or its name; kept as the name. One of LogisticRegression,
        SGDClassifier (log_loss), LinearRegression, Ridge, Lasso, ElasticNet, SGDRegressor, DecisionTree*,
        RandomForest*, ExtraTrees*, GradientBoosting*, HistGradientBoosting*, MLPClassifier, MLPRegressor.
    params : dict of str to plain data
        The estimator's parameters, by its own names; what an instance has set differently from the defaults.
    seed : int
        `random_state`, where the estimator has one and none was given.
    num_threads : int
        Threads that fit forests and histograms; what is fitted does not depend on it.

    Raises UnknownName for an estimator that is not converted, or a parameter it lacks; InvalidInput for a parameter
    that is no plain data, for infinite features, and for missing ones where the estimator takes none (linear models,
    GradientBoosting*, MLP*): the message names the feature. A served row that misses a feature is then answered NaN.

    Against the estimator's own predictions: trees take the same leaves, and their sum is rounded once to float32;
    linear models and perceptrons are computed in float64 and rounded once. Probabilities differ by float32 rounding.
    Cost: the estimator's. Source: Pedregosa et al., JMLR 2011.

    Examples
    --------
    >>> Sklearn("Ridge", {"alpha": 2.0}).replace({"alpha": 3.0}).params
    {'alpha': 3.0}
    """

    estimator: Any
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    num_threads: int = 2

    limits: ClassVar[Sequence[tuple[str, float, float]]] = (("seed", 0, (1 << 31) - 1), ("num_threads", 1, 256))

    def __post_init__(self) -> None:
        super().__post_init__()
        openmp.import_module("sklearn")
        name, params = self.estimator, dict[str, Any]()
        if not isinstance(name, str):
            name, params = read_instance(self.estimator)
        if not isinstance(self.params, Mapping):
            raise InvalidInput(f"params = {self.params!r}", where="Sklearn", expected='a dict, as in {"alpha": 2.0}')
        estimator_named(name)
        object.__setattr__(self, "estimator", name)
        object.__setattr__(self, "params", check_params(name, {**params, **self.params}))

    def parameters(self) -> dict[str, Any]:
        """What `replace` can change: the estimator's parameters, `seed` and `num_threads`."""
        own = {"seed": self.seed, "num_threads": self.num_threads}
        return {**defaults_of(self.estimator), **self.params, **own}

    def free_space(self) -> Space:
        """What a search varies unless it is told otherwise: some of the estimator's parameters, less those set."""
        space = estimator_named(self.estimator).space
        return {name: domain for name, domain in space.items() if name not in self.params}

    def replace(self, params: Mapping[str, Any]) -> Self:
        """This trainer with some of the estimator's parameters (or `seed`, `num_threads`) changed.

        Raises UnknownName for one that the estimator lacks.
        """
        own = {name: value for name, value in params.items() if name in ("seed", "num_threads")}
        theirs = {name: value for name, value in params.items() if name not in own}
        return dataclasses.replace(self, params={**self.params, **theirs}, **own)

    def fit(
        self,
        train: Features,
        validation: Features | None,
        *,
        params: Mapping[str, Any],
        group: Group,
        journal: Journal,
    ) -> Predictor:
        """Fit on the training rows; see the class.

        Reports to the journal: a forest after each twentieth of its trees, GradientBoosting* after each tree, others
        when they are done; the losses on `train` and `validation` at the end. HistGradientBoosting* stops early by
        `validation` where its `early_stopping` is on.
        """
        return self.replace(params)._fit(train, validation, journal)

    @property
    def takes_classes(self) -> bool:
        """A classifier."""
        return estimator_named(self.estimator).task == "binary"

    def _task(self, train: Features, task: Task) -> Task:
        """What the labels make of it: a classifier learns classes where there are some."""
        if not (train.classes and task == "binary"):
            return task_of(train, task, self.estimator)
        given = {**defaults_of(self.estimator), **self.params}
        solver = given.get("solver")
        is_apart = self.estimator == "SGDClassifier" or given.get("multi_class") == "ovr"  # the latter until 1.8
        if is_apart or (self.estimator == "LogisticRegression" and solver == "liblinear"):
            raise InvalidInput(
                f"{len(train.classes)} classes one against the rest are not converted",
                where=f"Sklearn {self.estimator}" + (f", solver {solver!r}" if solver else ""),
                expected="one model of all classes",
                fix="take LogisticRegression with its default solver",
            )
        numbers = np.bincount(train.label.astype(np.int64), minlength=len(train.classes))
        if not numbers.all():
            lacking = train.classes[int(np.argmin(numbers))]
            raise InvalidInput(
                f"class {lacking!r} has no row to fit on", where=self.estimator, fix="put rare classes together before"
            )
        return task_of(train, "multiclass", self.estimator)

    def _fit(self, train: Features, validation: Features | None, journal: Journal) -> Predictor:
        known = estimator_named(self.estimator)
        task = self._task(train, known.task)
        # Decided by the data alone. On few values threads wait for each other longer than they work.
        num_threads = self.num_threads if train.matrix.size >= _SMALL_MATRIX else 1
        estimator = make(self.estimator, self.params, seed=self.seed, num_threads=num_threads)
        takes_missing = bool(estimator.__sklearn_tags__().input_tags.allow_nan)
        for features in (train,) if validation is None else (train, validation):
            refuse_infinite(features)
            if not takes_missing:
                refuse_missing(features, self.estimator)
        with _told(self.estimator, num_threads):
            if known.family == "forest":
                num_steps = _fit_forest(estimator, train, journal)
            elif known.family == "boosting":
                num_steps = _fit_boosting(estimator, train, journal)
            else:
                num_steps = _fit_whole(estimator, known.family, train, validation, journal)
            if num_steps is not None:
                _report_losses(estimator, task, num_steps, train, validation, journal)
        if known.family == "linear":
            return converters.read_linear(estimator, task)
        if known.family == "layers":
            return converters.read_layers(estimator, task)
        if known.family == "boosting":
            return converters.read_boosting(estimator, task, train.matrix[:1])
        if known.family == "histogram":
            return converters.read_histogram(estimator, task)
        trees = [estimator] if known.family == "tree" else estimator.estimators_
        return converters.read_forest(trees, task, takes_missing=takes_missing)


def _rows(features: Features, *, is_double: bool) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Matrix and labels; products are better off in float64, trees take float32 as it is.

    Not every estimator takes arrays that may not be written, such as those that trials map from a file.
    """
    matrix = features.matrix.astype(np.float64) if is_double else np.require(features.matrix, requirements="W")
    return matrix, np.require(features.label, requirements="W")


def _weights(estimator: Any, features: Features, name: str = "sample_weight") -> dict[str, Any]:
    if features.weight is None:
        return {}
    if name not in inspect.signature(estimator.fit).parameters:
        raise InvalidInput(
            f"{type(estimator).__name__} of this scikit-learn takes no weights", fix="leave weight= out of the data set"
        )
    return {name: np.require(features.weight, requirements="W")}


def _fit_whole(
    estimator: Any, family: str, train: Features, validation: Features | None, journal: Journal
) -> int | None:
    """Fit in one call; the number of steps, or None when the journal said stop."""
    is_double = family in ("linear", "layers")
    matrix, label = _rows(train, is_double=is_double)
    options = _weights(estimator, train)
    stops = family == "histogram" and estimator.early_stopping is True
    if stops and validation is not None and "X_val" in inspect.signature(estimator.fit).parameters:
        options |= {"X_val": validation.matrix, "y_val": validation.label}
        options |= _weights(estimator, validation, "sample_weight_val")
    estimator.fit(matrix, label, **options)
    curve = list(getattr(estimator, "loss_curve_", ())) if family == "layers" else []
    for step, loss in enumerate(curve):
        if not journal.report(step, {"objective": float(loss)}):
            return None
    return len(curve) or 1


def _fit_forest(estimator: Any, train: Features, journal: Journal) -> int | None:
    """Fit some trees at a time: the same trees as at once, since each has a seed of its own."""
    matrix, label = _rows(train, is_double=False)
    options = _weights(estimator, train)
    total = int(estimator.n_estimators)
    if estimator.oob_score or isinstance(getattr(estimator, "class_weight", None), str):
        estimator.fit(matrix, label, **options)  # what these work out would be told of each piece, or not allowed
        return total
    estimator.warm_start = True
    counts = sorted({total * piece // _PIECES for piece in range(1, _PIECES + 1)} - {0})
    for count in progress.track(counts, "trees", total=len(counts), unit="pieces"):
        estimator.n_estimators = count
        estimator.fit(matrix, label, **options)
        if count < total and not journal.report(count - 1, {}):
            return None
    return total


def _fit_boosting(estimator: Any, train: Features, journal: Journal) -> int | None:
    """Fit with the loss reported after each tree."""
    is_stopped = False

    def monitor(step: int, fitted: Any, _: Mapping[str, Any]) -> bool:
        nonlocal is_stopped
        is_stopped = not journal.report(step, {"objective": float(fitted.train_score_[step])})
        return is_stopped

    matrix, label = _rows(train, is_double=False)
    estimator.fit(matrix, label, monitor=monitor, **_weights(estimator, train))
    return None if is_stopped else len(estimator.estimators_)


def _report_losses(
    estimator: Any, task: Task, num_steps: int, train: Features, validation: Features | None, journal: Journal
) -> None:
    """The log loss or the root of the mean squared error at the end."""
    losses = {}
    for name, features in (("train", train), ("validation", validation)):
        if features is not None:
            losses[name] = _loss(estimator, task, features)
    journal.report(num_steps - 1, losses)


def _loss(estimator: Any, task: Task, features: Features) -> float:
    weight, label = features.weight, features.label
    if task == "multiclass":
        shares = estimator.predict_proba(features.matrix)[np.arange(features.num_rows), label.astype(np.int64)]
        return float(np.average(-np.log(np.clip(shares.astype(np.float64), _EPSILON, 1.0)), weights=weight))
    if task == "binary":
        share = np.clip(estimator.predict_proba(features.matrix)[:, -1].astype(np.float64), _EPSILON, 1 - _EPSILON)
        return float(np.average(-(label * np.log(share) + (1 - label) * np.log1p(-share)), weights=weight))
    return float(np.sqrt(np.average((estimator.predict(features.matrix) - label) ** 2, weights=weight)))


@contextmanager
def _told(name: str, num_threads: int) -> Iterator[None]:
    """Errors of scikit-learn as ours, its warnings on standard error; sums that do not know of the machine's cores."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(record=True) as caught, threadpool_limits({"blas": 1, "openmp": num_threads}):
        warnings.simplefilter("always")
        try:
            yield
        except HeadraceError:
            raise
        except (ValueError, FloatingPointError) as error:
            raise InvalidInput(f"scikit-learn refuses: {' '.join(str(error).split())}", where=name) from error
    told = [" ".join(str(item.message).split()) for item in caught if item.category is not DeprecationWarning]
    for text in list(dict.fromkeys(told))[:_MOST_WARNINGS]:
        progress.say(f"{name}: {text}")
