"""XGBoost: gradient-boosted trees on histograms."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace import progress
from headrace.adapters.xgboost.booster import read_bases, read_trees
from headrace.adapters.xgboost.ranks import agree, meet, own_rows
from headrace.errors import InvalidInput
from headrace.model import GraphBuilder
from headrace.model.signature import Task
from headrace.model.trees import Tree, add_tree_ensemble
from headrace.training import Features, Float, Group, Int, Journal, Predictor, Space, Trainer, answers, openmp
from headrace.training.refusals import refuse_infinite, task_of

__all__ = ["XGBoost"]

if importlib.util.find_spec("xgboost") is None:
    # Said when the name is looked up; the import itself takes a second and waits for `fit`.
    raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")

NATIVE_FILE = "model.xgboost.json"
_SMALL_MATRIX = 250_000  # values
_TRAIN_LOSSES = 40
_OBJECTIVES: dict[str, Task] = {
    "binary:logistic": "binary",
    "reg:squarederror": "regression",
    "multi:softprob": "multiclass",
}
_OF_TASK = {task: name for name, task in _OBJECTIVES.items()}


@dataclass(frozen=True)
class _Trees(Predictor):
    trees: tuple[Tree, ...]
    bases: tuple[float, ...]
    task: Task
    num_features: int
    native: bytes

    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        trees = [*(Tree.constant(base, target) for target, base in enumerate(self.bases)), *self.trees]
        width = len(self.bases)
        margin = add_tree_ensemble(
            builder, features, trees, rule="<", num_features=self.num_features, num_targets=width
        )
        return answers(builder, margin, self.task, width)

    def native_files(self) -> dict[str, bytes]:
        return {NATIVE_FILE: self.native}


@dataclass(frozen=True)
class XGBoost(Trainer):
    """Gradient-boosted trees by XGBoost, on histograms, converted to an exact sum of trees.

    The first thing to try on tables: takes nulls as they are, needs no scaling, fits 160,000 rows in two seconds.

    Parameters
    ----------
    n_estimators : int
        Trees; fewer where a validation split stops it early.
    max_depth : int
        Of a tree.
    learning_rate : float
        What a tree's answer is multiplied by.
    subsample : float
        Share of rows each tree sees (0..1].
    colsample_bytree : float
        Share of features each tree sees (0..1].
    min_child_weight : float
        The least sum of second derivatives in a leaf.
    reg_lambda : float
        L2 penalty on leaves.
    objective : str or None
        "binary:logistic", "reg:squarederror" or "multi:softprob", for which whole numbers are classes; None = the first
        where every label is 0 or 1, the third where labels are text of three values or more, else the second.
    early_stopping_rounds : int
        With a validation split: stop after so many trees without gain, and keep the best; 0 = never.
    seed : int
        Of the samples.
    num_threads : int
        Threads that fit, of all workers together; fewer than 250,000 values are fitted by one. A parameter, never the
        machine's number of cores: XGBoost adds each thread's partial sums, so it could show in the result.

    Raises InvalidInput for a value outside its limits. Labels must be finite, and 0 or 1 for "binary:logistic".
    The native model is kept as `model.xgboost.json`; its margins differ from ours by float32 rounding alone, since it
    adds trees in float32 and we add exactly. Cost: see XGBoost. Source: Chen and Guestrin, KDD 2016.

    Examples
    --------
    >>> XGBoost(max_depth=8).max_depth
    8
    """

    n_estimators: int = 200
    max_depth: int = 6
    learning_rate: float = 0.1
    subsample: float = 1.0
    colsample_bytree: float = 1.0
    min_child_weight: float = 1.0
    reg_lambda: float = 1.0
    objective: str | None = None
    early_stopping_rounds: int = 20
    seed: int = 0
    num_threads: int = 2

    is_parallel: ClassVar[bool] = True
    limits: ClassVar[Sequence[tuple[str, float, float]]] = (
        ("n_estimators", 1, 100_000),
        ("max_depth", 1, 30),
        ("learning_rate", 1e-6, 10.0),
        ("subsample", 1e-6, 1.0),
        ("colsample_bytree", 1e-6, 1.0),
        ("min_child_weight", 0.0, 1e12),
        ("reg_lambda", 0.0, 1e12),
        ("early_stopping_rounds", 0, 100_000),
        ("seed", 0, (1 << 31) - 1),
        ("num_threads", 1, 256),
    )
    space: ClassVar[Space] = {
        "max_depth": Int(2, 12),
        "learning_rate": Float(0.02, 0.5, log=True),
        "min_child_weight": Float(0.5, 64.0, log=True),
        "subsample": Float(0.4, 1.0),
        "colsample_bytree": Float(0.3, 1.0),
        "reg_lambda": Float(0.01, 100.0, log=True),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective is not None and self.objective not in _OBJECTIVES:
            raise InvalidInput(
                f"objective = {self.objective!r}", where="XGBoost", expected=" or ".join(_OBJECTIVES) + " or None"
            )

    @property
    def takes_classes(self) -> bool:
        """With "multi:softprob"."""
        return self.objective == "multi:softprob"

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

        Reports the loss to the journal: on `validation` after each tree, on `train` after some.
        """
        chosen = self.replace(params)
        # By all rows: those of one rank may look otherwise.
        objective = chosen._objective(train)
        if group.num_ranks == 1:
            return chosen._fit(train, validation, objective, group, journal)
        with meet(group):
            own = None if validation is None else own_rows(validation, group)
            return chosen._fit(own_rows(train, group), own, objective, group, journal)

    def reviver(self, num_features: int) -> Callable[[Mapping[str, bytes]], Predictor]:
        """The trees of a native model."""

        def revive(files: Mapping[str, bytes]) -> Predictor:
            native = files[NATIVE_FILE]
            objective = json.loads(native)["learner"]["objective"]["name"]
            return _read(native, objective, num_features)

        return revive

    def _objective(self, train: Features) -> str:
        wanted = None if self.objective is None else _OBJECTIVES[self.objective]
        return _OF_TASK[task_of(train, wanted, "XGBoost")]

    def _fit(
        self, train: Features, validation: Features | None, objective: str, group: Group, journal: Journal
    ) -> Predictor:
        xgboost = openmp.import_module("xgboost")
        # Decided by the data alone. On few values threads wait for each other longer than they work.
        num_threads = max(1, self.num_threads // group.num_ranks) if train.matrix.size >= _SMALL_MATRIX else 1
        settings = {
            "objective": objective,
            "tree_method": "hist",
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample_bytree,
            "min_child_weight": self.min_child_weight,
            "reg_lambda": self.reg_lambda,
            "seed": self.seed,
            "nthread": num_threads,
            "verbosity": 0,
        }
        if train.classes:
            settings["num_class"] = len(train.classes)
        fitted = _matrix(xgboost, train, num_threads)
        judged = None if validation is None else _matrix(xgboost, validation, num_threads)
        booster = xgboost.Booster(settings, [fitted] if judged is None else [fitted, judged])
        best_loss, num_best = np.inf, 0
        # A loss over all training rows costs a seventh of a tree: enough of them to draw a curve.
        every = max(1, self.n_estimators // _TRAIN_LOSSES)
        for step in progress.track(range(self.n_estimators), "trees", total=self.n_estimators, unit="trees"):
            booster.update(fitted, step)
            losses = {} if judged is None else {"validation": _loss(booster, judged, step)}
            if judged is not None and losses["validation"] < best_loss:
                best_loss, num_best = losses["validation"], step + 1
            if step % every == 0 or step == self.n_estimators - 1:
                losses["train"] = _loss(booster, fitted, step)
            if not agree(group, journal.report(step, losses)):
                break
            if judged is not None and 0 < self.early_stopping_rounds <= step + 1 - num_best:
                break
        if num_best and self.early_stopping_rounds:
            booster = booster[:num_best]
        return _read(bytes(booster.save_raw("json")), objective, train.matrix.shape[1])


def _read(native: bytes, objective: str, num_features: int) -> _Trees:
    return _Trees(tuple(read_trees(native)), tuple(read_bases(native)), _OBJECTIVES[objective], num_features, native)


def _loss(booster: Any, features: Any, step: int) -> float:
    """The objective's own metric, smaller = better, as XGBoost prints it: "[3]\tvalidation-logloss:0.21"."""
    return float(booster.eval_set([(features, "validation")], step).rpartition(":")[2])


def _matrix(xgboost: Any, features: Features, num_threads: int) -> Any:
    refuse_infinite(features)
    return xgboost.DMatrix(
        features.matrix, label=features.label, weight=features.weight, missing=np.nan, nthread=num_threads
    )
