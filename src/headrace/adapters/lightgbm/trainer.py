"""LightGBM: gradient-boosted trees on histograms, grown leaf by leaf."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace import progress
from headrace.adapters.lightgbm.booster import ZERO, read_trees, zero_features
from headrace.errors import InvalidInput
from headrace.model import GraphBuilder
from headrace.model.signature import Task
from headrace.model.trees import Tree, add_tree_ensemble
from headrace.training import Features, Float, Group, Int, Journal, Predictor, Space, Trainer, answers, openmp
from headrace.training.refusals import refuse_infinite, task_of

__all__ = ["LightGBM"]

if importlib.util.find_spec("lightgbm") is None:
    # Said when the name is looked up; the import itself takes a second and waits for `fit`.
    raise ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm")

_SMALL_MATRIX = 250_000  # values
_TRAIN_LOSSES = 40
_METRICS: dict[Task, str] = {"binary": "binary_logloss", "regression": "rmse", "multiclass": "multi_logloss"}


@dataclass(frozen=True)
class _Trees(Predictor):
    trees: tuple[Tree, ...]
    zeros: tuple[int, ...]
    task: Task
    num_features: int
    native: str
    width: int = 1

    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        if self.zeros:
            features = self._without_zeros(builder, features)
        margin = add_tree_ensemble(
            builder, features, self.trees, rule="<=", num_features=self.num_features, num_targets=self.width
        )
        return answers(builder, margin, self.task, self.width)

    def _without_zeros(self, builder: GraphBuilder, features: str) -> str:
        """NaN where a feature of theirs is zero, as LightGBM has it with zero_as_missing."""
        is_theirs = np.zeros((1, self.num_features), np.bool_)
        is_theirs[0, list(self.zeros)] = True
        size = builder.cast(builder.node("Abs", [features]), np.float64)
        is_zero = builder.node("And", [builder.compare("<=", size, builder.number(ZERO)), builder.constant(is_theirs)])
        return builder.where(is_zero, builder.constant(np.array([np.nan], np.float32)), features)

    def native_files(self) -> dict[str, bytes]:
        return {"model.lightgbm.txt": self.native.encode()}


@dataclass(frozen=True)
class LightGBM(Trainer):
    """Gradient-boosted trees by LightGBM, grown leaf by leaf on histograms, converted to an exact sum of trees.

    Takes nulls as they are and needs no scaling. Quicker than XGBoost on many rows; its trees are bounded by their
    leaves rather than by their depth, so few rows are learnt by heart sooner.

    Parameters
    ----------
    n_estimators : int
        Trees; fewer where a validation split stops it early, or no split gains anything.
    num_leaves : int
        Of a tree, at most.
    max_depth : int
        Of a tree; -1 = as deep as its leaves allow.
    learning_rate : float
        What a tree's answer is multiplied by.
    subsample : float
        Share of rows each tree sees (0..1].
    colsample_bytree : float
        Share of features each tree sees (0..1].
    min_child_samples : int
        The fewest rows in a leaf.
    min_child_weight : float
        The least sum of second derivatives in a leaf.
    reg_alpha, reg_lambda : float
        L1 and L2 penalty on leaves.
    zero_as_missing : bool
        Whether a zero counts as missing, as in sparse counts. False.
    objective : str or None
        "binary", "regression" (squared error) or "multiclass", for which whole numbers are classes; None = the first
        where every label is 0 or 1, the third where labels are text of three values or more, else the second.
    early_stopping_rounds : int
        With a validation split: stop after so many trees without gain, and keep the best; 0 = never.
    seed : int
        Of the samples.
    num_threads : int
        Threads that fit; fewer than 250,000 values are fitted by one. A parameter, never the machine's number of cores.

    Raises InvalidInput for a value outside its limits. Labels must be finite, and 0 or 1 for "binary".
    The native model is kept as `model.lightgbm.txt`; its raw scores are ours before the one rounding to float32, that
    is within one unit in the last place. Cost: see LightGBM. Source: Ke et al., NIPS 2017.

    Examples
    --------
    >>> LightGBM(num_leaves=63).num_leaves
    63
    """

    n_estimators: int = 200
    num_leaves: int = 31
    max_depth: int = -1
    learning_rate: float = 0.1
    subsample: float = 1.0
    colsample_bytree: float = 1.0
    min_child_samples: int = 20
    min_child_weight: float = 1e-3
    reg_alpha: float = 0.0
    reg_lambda: float = 0.0
    zero_as_missing: bool = False
    objective: Task | None = None
    early_stopping_rounds: int = 20
    seed: int = 0
    num_threads: int = 2

    limits: ClassVar[Sequence[tuple[str, float, float]]] = (
        ("n_estimators", 1, 100_000),
        ("num_leaves", 2, 131_072),
        ("max_depth", -1, 1000),
        ("learning_rate", 1e-6, 10.0),
        ("subsample", 1e-6, 1.0),
        ("colsample_bytree", 1e-6, 1.0),
        ("min_child_samples", 0, 1_000_000_000),
        ("min_child_weight", 0.0, 1e12),
        ("reg_alpha", 0.0, 1e12),
        ("reg_lambda", 0.0, 1e12),
        ("early_stopping_rounds", 0, 100_000),
        ("seed", 0, (1 << 31) - 1),
        ("num_threads", 1, 256),
    )
    space: ClassVar[Space] = {
        "num_leaves": Int(7, 255, log=True),
        "learning_rate": Float(0.02, 0.5, log=True),
        "min_child_samples": Int(5, 200, log=True),
        "subsample": Float(0.4, 1.0),
        "colsample_bytree": Float(0.3, 1.0),
        "reg_lambda": Float(0.0, 10.0),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective is not None and self.objective not in _METRICS:
            expected = " or ".join(_METRICS) + " or None"
            raise InvalidInput(f"objective = {self.objective!r}", where="LightGBM", expected=expected)
        if not isinstance(self.zero_as_missing, bool):
            raise InvalidInput(
                f"zero_as_missing = {self.zero_as_missing!r}", where="LightGBM", expected="True or False"
            )

    @property
    def takes_classes(self) -> bool:
        """With "multiclass"."""
        return self.objective == "multiclass"

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
        return self.replace(params)._fit(train, validation, journal)

    def _settings(self, task: Task, num_threads: int) -> dict[str, Any]:
        return {
            "objective": task,
            "metric": _METRICS[task],
            "num_leaves": self.num_leaves,
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "bagging_fraction": self.subsample,
            "bagging_freq": 1 if self.subsample < 1.0 else 0,
            "feature_fraction": self.colsample_bytree,
            "min_data_in_leaf": self.min_child_samples,
            "min_sum_hessian_in_leaf": self.min_child_weight,
            "lambda_l1": self.reg_alpha,
            "lambda_l2": self.reg_lambda,
            "zero_as_missing": self.zero_as_missing,
            "seed": self.seed,
            "num_threads": num_threads,
            "deterministic": True,
            "force_row_wise": True,  # else it measures which way is quicker, and sums in another order
            "verbosity": -1,
        }

    def _fit(self, train: Features, validation: Features | None, journal: Journal) -> Predictor:
        lightgbm = openmp.import_module("lightgbm")
        task = task_of(train, self.objective, "LightGBM")
        # Decided by the data alone. On few values threads wait for each other longer than they work.
        num_threads = self.num_threads if train.matrix.size >= _SMALL_MATRIX else 1
        settings = self._settings(task, num_threads)
        if train.classes:
            settings["num_class"] = len(train.classes)
        fitted = _dataset(lightgbm, train, settings)
        booster = lightgbm.Booster(settings, fitted)
        if validation is not None:
            booster.add_valid(_dataset(lightgbm, validation, settings, reference=fitted), "validation")
        best_loss, num_best = np.inf, 0
        every = max(1, self.n_estimators // _TRAIN_LOSSES)
        for step in progress.track(range(self.n_estimators), "trees", total=self.n_estimators, unit="trees"):
            is_finished = booster.update()
            losses = {} if validation is None else {"validation": float(booster.eval_valid()[0][2])}
            if validation is not None and losses["validation"] < best_loss:
                best_loss, num_best = losses["validation"], step + 1
            if step % every == 0 or step == self.n_estimators - 1 or is_finished:
                losses["train"] = float(booster.eval_train()[0][2])
            if not journal.report(step, losses) or is_finished:
                break
            if validation is not None and 0 < self.early_stopping_rounds <= step + 1 - num_best:
                break
        kept = num_best if num_best and self.early_stopping_rounds else -1
        native = str(booster.model_to_string(num_iteration=kept))
        trees = tuple(read_trees(native)) or (Tree.constant(0.0),)
        width = max(1, len(train.classes))
        return _Trees(trees, tuple(zero_features(native)), task, train.matrix.shape[1], native, width)


def _dataset(lightgbm: Any, features: Features, settings: Mapping[str, Any], *, reference: Any = None) -> Any:
    refuse_infinite(features)
    return lightgbm.Dataset(
        features.matrix,
        features.label.astype(np.float32),  # LightGBM's own type
        weight=features.weight,
        reference=reference,
        params=dict(settings),
        feature_name=[f"f{index}" for index in range(features.matrix.shape[1])],
        categorical_feature=[],
    )
