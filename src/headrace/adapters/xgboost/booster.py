"""A booster's JSON into trees: our own small converter, because the stock one is wrong where values are missing."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.trees import Tree

__all__ = ["read_bases", "read_trees"]

_LINKS = ("binary:logistic", "reg:squarederror", "multi:softprob")
_SMALLEST = np.float32(1e-6)


def _learner(model: bytes) -> Any:
    return json.loads(model)["learner"]


def read_trees(model: bytes) -> list[Tree]:
    """The trees of `Booster.save_raw("json")`, in order; a row goes to `yes` where its feature is below the threshold.

    Thresholds and leaves are float32 in XGBoost, and exactly these values here. Raises InvalidInput for boosters that
    have native categories, several targets or linear parts.
    """
    learner = _learner(model)
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise InvalidInput(f"booster {booster['name']!r} is not converted", expected="gbtree")
    trees = []
    targets = booster["model"]["tree_info"]
    for number, tree in enumerate(booster["model"]["trees"]):
        if any(tree["split_type"]) or int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
            raise InvalidInput("native categories and vector leaves are not converted", where=f"tree {number}")
        numbers = np.array(tree["split_conditions"], np.float32).astype(np.float64)
        trees.append(
            Tree(
                feature=np.array(tree["split_indices"], np.int64),
                threshold=numbers,
                yes=np.array(tree["left_children"], np.int64),
                no=np.array(tree["right_children"], np.int64),
                missing_yes=np.array(tree["default_left"], np.bool_),
                value=numbers,
                target=int(targets[number]),
            )
        )
    return trees


def read_bases(model: bytes) -> list[float]:
    """The margin every row starts from, by class, as float32 values: the base score behind the objective's link.

    XGBoost 3 writes a vector, "[5E-1]", of several classes one value for each or one for all; earlier versions "5E-1".
    """
    learner = _learner(model)
    objective = learner["objective"]["name"]
    if objective not in _LINKS:
        raise InvalidInput(f"objective {objective!r} is not converted", expected=" or ".join(_LINKS))
    scores = json.loads(f"[{learner['learner_model_param']['base_score'].strip('[]')}]")
    num_classes = max(1, int(learner["learner_model_param"].get("num_class", "0")))
    if len(scores) not in (1, num_classes):
        raise InvalidInput(f"{len(scores)} base scores", expected=f"one, or one for each of {num_classes} classes")
    singles = [np.float32(score) for score in (scores if len(scores) == num_classes else scores * num_classes)]
    if objective != "binary:logistic":
        return [float(score) for score in singles]
    score = singles[0]
    # As XGBoost does it: labels of one class give a score of 0 or 1, kept from infinity; float32 steps before the log
    # (RegLossObj and LogisticRegression::ProbToMargin, 3.2).
    score = min(max(score, _SMALLEST), np.float32(1) - _SMALLEST)
    return [float(np.float32(-math.log(np.float32(1) / score - np.float32(1))))]
