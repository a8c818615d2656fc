"""Fitted estimators into graphs: trees as exact sums, weights as products in float64 that are rounded once.

Stock converters write float32 throughout: a linear model's answer then depends on the batch, and forests send missing
values the wrong way (probabilities wrong by up to 0.82).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model import GraphBuilder
from headrace.model.signature import Task
from headrace.model.trees import Tree, add_tree_ensemble
from headrace.training import Predictor, answers

__all__ = ["Layers", "Trees", "read_boosting", "read_forest", "read_histogram", "read_layers", "read_linear"]

_ACTIVATIONS = {"identity": "", "relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}
_LARGEST = float(np.finfo(np.float32).max)


def _missing(builder: GraphBuilder, features: str) -> str:
    """A bool tensor [N, 1]: whether any feature of the row is missing. A largest 0 or 1 does not know of an order."""
    is_nan = builder.cast(builder.node("IsNaN", [features]), np.int64)
    largest = builder.node("ReduceMax", [is_nan, builder.integer(1)], keepdims=1)
    return builder.cast(largest, np.bool_)


def _answer(
    builder: GraphBuilder, features: str, margin: str, task: Task, width: int, *, takes_missing: bool
) -> dict[str, str]:
    if not takes_missing:
        # It has learnt nothing of missing values: no answer, where the branch of a tree, or max(0, NaN), would be one.
        no_answer = builder.constant(np.array([np.nan], np.float32))
        margin = builder.where(_missing(builder, features), no_answer, margin)
    return answers(builder, margin, task, width)


@dataclass(frozen=True)
class Trees(Predictor):
    """A sum of trees, in float32 after one rounding; for a forest its mean, which for classes is a probability."""

    trees: tuple[Tree, ...]
    task: Task
    num_features: int
    takes_missing: bool
    is_probability: bool = False
    width: int = 1

    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        """One TreeEnsemble node."""
        margin = add_tree_ensemble(
            builder, features, self.trees, rule="<=", num_features=self.num_features, num_targets=self.width
        )
        task: Task = "regression" if self.is_probability else self.task
        return _answer(builder, features, margin, task, self.width, takes_missing=self.takes_missing)


@dataclass(frozen=True)
class Layers(Predictor):
    """Products and sums in float64, activations between them, one rounding to float32 at the end."""

    weights: tuple[npt.NDArray[np.float64], ...]
    biases: tuple[npt.NDArray[np.float64], ...]
    activation: str
    task: Task

    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        """A MatMul and an Add a layer; what their kernels differ by for a batch's size goes in the rounding."""
        value = builder.cast(features, np.float64)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if number and self.activation:
                value = builder.node(self.activation, [value])
            value = builder.node("MatMul", [value, builder.constant(weight)])
            value = builder.node("Add", [value, builder.constant(bias[None, :])])
        largest = (builder.constant(np.array(edge)) for edge in (-_LARGEST, _LARGEST))
        margin = builder.cast(builder.node("Clip", [value, *largest]), np.float32)
        return _answer(builder, features, margin, self.task, len(self.biases[-1]), takes_missing=False)


def read_linear(estimator: Any, task: Task) -> Layers:
    """A linear model: one layer."""
    weight = np.atleast_2d(np.asarray(estimator.coef_, np.float64)).T
    bias = np.asarray(estimator.intercept_, np.float64).reshape(-1)
    return _finite(Layers((weight,), (bias,), "", task))


def read_layers(estimator: Any, task: Task) -> Layers:
    """A multi-layer perceptron; its last activation is the logistic one for classes, none for values."""
    weights = tuple(np.asarray(weight, np.float64) for weight in estimator.coefs_)
    biases = tuple(np.asarray(bias, np.float64) for bias in estimator.intercepts_)
    return _finite(Layers(weights, biases, _ACTIVATIONS[estimator.activation], task))


def _finite(layers: Layers) -> Layers:
    if not all((np.abs(array) <= _LARGEST).all() for array in (*layers.weights, *layers.biases)):
        raise InvalidInput(
            "a weight is beyond float32: the fit diverged", fix="scale the features, or learn more slowly"
        )
    return layers


def _tree(tree: Any, value: npt.NDArray[np.float64], target: int = 0) -> Tree:
    """A `sklearn.tree` tree with a value for each node. Its rule: float32 feature <= float64 threshold."""
    return Tree(
        feature=np.asarray(tree.feature, np.int64),
        threshold=np.asarray(tree.threshold, np.float64),
        yes=np.asarray(tree.children_left, np.int64),
        no=np.asarray(tree.children_right, np.int64),
        missing_yes=np.asarray(tree.missing_go_to_left, np.bool_),
        value=value,
        target=target,
    )


def read_forest(trees: Sequence[Any], task: Task, *, takes_missing: bool) -> Trees:
    """The mean of fitted decision trees, or one of them: of their values, or of their shares of class 1, or of each.

    A leaf of ONNX adds to one target, so that a tree of several classes becomes one tree for each.
    """
    found = []
    is_probability = task != "regression"
    for estimator in trees:
        value = np.asarray(estimator.tree_.value, np.float64)[:, 0, :]
        if is_probability:
            value = value / value.sum(axis=1, keepdims=True)
        columns = value.T if task == "multiclass" else value[:, -1:].T
        found += [_tree(estimator.tree_, column / len(trees), target) for target, column in enumerate(columns)]
    width = len(found) // len(trees)
    return Trees(tuple(found), task, trees[0].n_features_in_, takes_missing, is_probability, width)


def read_boosting(estimator: Any, task: Task, row: npt.NDArray[np.float32]) -> Trees:
    """Gradient boosting on exact splits; its start is what the first stage answers to a row, less its tree's share."""
    rate = float(estimator.learning_rate)
    stages = estimator.staged_predict(row) if task == "regression" else estimator.staged_decision_function(row)
    first = np.ravel(next(iter(stages)))
    converted = []
    width = estimator.estimators_.shape[1]
    for target in range(width):
        trees = [item.tree_ for item in estimator.estimators_[:, target]]
        start = float(first[target]) - rate * float(trees[0].predict(row)[0, 0])
        converted.append(Tree.constant(start, target))
        converted += [_tree(tree, rate * np.asarray(tree.value, np.float64)[:, 0, 0], target) for tree in trees]
    return Trees(tuple(converted), task, estimator.n_features_in_, takes_missing=False, width=width)


def read_histogram(estimator: Any, task: Task) -> Trees:
    """Gradient boosting on histograms: its thresholds hold for values, its leaves carry the learning rate."""
    bases = np.ravel(estimator._baseline_prediction)
    trees = [Tree.constant(float(base), target) for target, base in enumerate(bases)]
    for target, predictor in (item for stage in estimator._predictors for item in enumerate(stage)):
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            raise InvalidInput("native categories are not converted", where=type(estimator).__name__)
        is_leaf = nodes["is_leaf"].astype(np.bool_)
        trees.append(
            Tree(
                feature=nodes["feature_idx"].astype(np.int64),
                threshold=nodes["num_threshold"].astype(np.float64),
                yes=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
                no=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
                missing_yes=nodes["missing_go_to_left"].astype(np.bool_),
                value=nodes["value"].astype(np.float64),
                target=target,
            )
        )
    return Trees(tuple(trees), task, estimator.n_features_in_, takes_missing=True, width=len(bases))
