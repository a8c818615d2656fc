"""A booster's text into trees: our own small converter, because the stock one is wrong by whole leaves.

It rounds thresholds to the nearest float32 (a row lands in another leaf: margins wrong by up to 3.48). Here thresholds
and leaves stay float64, and a float32 feature is compared as float64: just what LightGBM does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model.trees import Tree

__all__ = ["ZERO", "read_trees", "zero_features"]

ZERO = float(np.float32(1e-35))
"""A value of no more than this is zero to LightGBM (kZeroThreshold in its meta.h)."""

# Bits of decision_type: https://github.com/microsoft/LightGBM/blob/v4.6.0/include/LightGBM/tree.h
_CATEGORICAL, _DEFAULT_LEFT, _MISSING_SHIFT = 1, 2, 2
_NONE, _ZERO, _NAN = 0, 1, 2


def _sections(model: str) -> Iterator[dict[str, str]]:
    """The lines `name=value` of each tree of `Booster.model_to_string()`."""
    body = model.partition("\nend of trees")[0]
    for section in body.split("\nTree=")[1:]:
        yield dict(line.split("=", 1) for line in section.splitlines()[1:] if "=" in line)


def _floats(section: dict[str, str], name: str) -> npt.NDArray[np.float64]:
    return np.array(section[name].split(), np.float64)


def _integers(section: dict[str, str], name: str) -> npt.NDArray[np.int64]:
    return np.array(section[name].split(), np.int64)


def _num_targets(model: str) -> int:
    """Trees of a round: one for each class, in turn."""
    head = model.partition("\nTree=")[0]
    return int(next(line for line in head.splitlines() if line.startswith("num_tree_per_iteration=")).split("=")[1])


def read_trees(model: str) -> list[Tree]:
    """The trees of `Booster.model_to_string()`, in order; a row goes to `yes` where its feature is <= the threshold.

    Of several classes each adds to its own target.

    What is missing depends on the feature (its missing type, in every node): NaN goes the default way; where training
    rows had none of it, it counts as 0.0; with zero_as_missing zeros and NaN go the default way, for which
    `zero_features` says where the graph must write NaN for zero.
    Raises InvalidInput for native categories and linear leaves.
    """
    trees = []
    num_targets = _num_targets(model)
    for number, section in enumerate(_sections(model)):
        target = number % num_targets
        if int(section["num_cat"]) or int(section.get("is_linear", "0")):
            raise InvalidInput("native categories and linear leaves are not converted", where=f"tree {number}")
        leaves = _floats(section, "leaf_value")
        num_leaves = int(section["num_leaves"])
        if num_leaves == 1:
            trees.append(Tree.constant(float(leaves[0]), target))
            continue
        num_inner = num_leaves - 1
        decision = _integers(section, "decision_type")
        threshold = _floats(section, "threshold")
        # Values between -ZERO and ZERO are 0 to LightGBM (it drops them when it predicts): they stay on 0's side.
        # https://github.com/microsoft/LightGBM/blob/v4.6.0/src/application/predictor.hpp
        threshold = np.where((threshold >= 0.0) & (threshold < ZERO), ZERO, threshold)
        threshold = np.where((threshold >= -ZERO) & (threshold < 0.0), np.nextafter(-ZERO, -np.inf), threshold)
        is_none = decision >> _MISSING_SHIFT == _NONE
        default = (decision & _DEFAULT_LEFT) != 0
        no_node, no_value = np.full(num_leaves, -1), np.zeros(num_leaves)
        yes, no = _integers(section, "left_child"), _integers(section, "right_child")
        trees.append(
            Tree(
                feature=np.concatenate([_integers(section, "split_feature"), no_node]),
                threshold=np.concatenate([threshold, no_value]),
                # A leaf is written as the complement of its number.
                yes=np.concatenate([np.where(yes < 0, num_inner + ~yes, yes), no_node]),
                no=np.concatenate([np.where(no < 0, num_inner + ~no, no), no_node]),
                missing_yes=np.concatenate([np.where(is_none, threshold >= 0.0, default), no_value]).astype(np.bool_),
                value=np.concatenate([np.zeros(num_inner), leaves]),
                target=target,
            )
        )
    return trees


def zero_features(model: str) -> Sequence[int]:
    """The features whose zeros are missing (zero_as_missing), in ascending order; a feature has one missing type."""
    found: set[int] = set()
    for section in _sections(model):
        if int(section["num_leaves"]) > 1:
            is_zero = _integers(section, "decision_type") >> _MISSING_SHIFT == _ZERO
            found.update(_integers(section, "split_feature")[is_zero].tolist())
    return sorted(found)
