"""Trees into ONNX: one TreeEnsemble node whose sum is exact, so that no order of adding can be seen in it.

Stock converters write float32 leaves: their sum depends on the batch size and the number of threads (by 1e-5 of a
margin), and some drop the direction of missing values (wrong by up to 3.48 of a margin). Here features are cast to
float64, leaves are float64 multiples of one power of two so fine that every partial sum is exact, and the sum is
rounded to float32 once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder

__all__ = ["Tree", "add_tree_ensemble", "exact_step"]

_MODES = {"<=": 0, "<": 1}  # BRANCH_LEQ, BRANCH_LT of ai.onnx.ml 5
_COARSEST = 2.0 ** (128 - 52)  # of a sum below 2^128, which float32 cannot hold
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Tree:
    """One binary tree as arrays over its nodes; node 0 is the root.

    Parameters
    ----------
    feature : int64[num_nodes]
        The feature's column; of no meaning at a leaf.
    threshold : float64[num_nodes]
        A row goes to `yes` where its feature compares true with this.
    yes, no : int64[num_nodes]
        The nodes below; -1 in both = a leaf.
    missing_yes : bool[num_nodes]
        Whether NaN goes to `yes`.
    value : float64[num_nodes]
        What a leaf adds; of no meaning elsewhere.
    target : int
        To which column of the answer.
    """

    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    yes: npt.NDArray[np.int64]
    no: npt.NDArray[np.int64]
    missing_yes: npt.NDArray[np.bool_]
    value: npt.NDArray[np.float64]
    target: int = 0

    @property
    def is_leaf(self) -> npt.NDArray[np.bool_]:
        """bool[num_nodes]: where nothing lies below."""
        found: npt.NDArray[np.bool_] = self.yes < 0
        return found

    @classmethod
    def constant(cls, value: float, target: int = 0) -> Tree:
        """A tree of one leaf: it adds the same to every row."""
        none, zero = np.array([-1]), np.zeros(1)
        return cls(np.zeros(1, np.int64), zero, none, none, np.zeros(1, np.bool_), np.array([value]), target)


def exact_step(trees: Sequence[Tree]) -> float:
    """The smallest power of two whose multiples, one leaf of each tree, add up exactly in float64 in any order.

    A sum of multiples of s is exact while it stays below 2^53 s; no partial sum exceeds the sum of each tree's largest
    leaf, over the trees of one target. Rounding a leaf to a multiple moves it by at most s / 2, that is 2^-53 of that
    largest sum.
    """
    leaves: dict[int, list[float]] = {}
    for tree in trees:
        leaves.setdefault(tree.target, []).append(float(np.abs(tree.value[tree.is_leaf]).max()))
    largest = max(math.fsum(values) for values in leaves.values())
    if largest == 0.0:
        return 1.0
    return max(math.ldexp(1.0, math.frexp(largest)[1] - 52), 2.0**-1000)


def add_tree_ensemble(
    builder: GraphBuilder,
    features: str,
    trees: Sequence[Tree],
    *,
    rule: Literal["<", "<="],
    num_features: int,
    num_targets: int = 1,
) -> str:
    """Add the sum of trees to a graph.

    Parameters
    ----------
    builder : GraphBuilder
        The graph.
    features : str
        The name of a float32 tensor [N, num_features]; NaN = missing.
    trees : sequence of Tree
        A constant to be added, such as a base score, is a `Tree.constant`.
    rule : "<" or "<="
        When a row goes to `yes`. XGBoost: "<"; LightGBM and scikit-learn: "<=".
    num_features : int
        The tensor's width, against which feature indexes are checked.
    num_targets : int
        Columns of the answer: each tree adds to its own `target`.

    Returns
    -------
    str
        The name of a float32 tensor [N, num_targets]: the exact sums of the leaves, rounded once.

    Raises InvalidInput for no trees, an index out of range, or leaves that are not finite, or not in their sum.
    Cost: about 4 us a row for 200 trees of depth 6. Source: ONNX, ai.onnx.ml 5, TreeEnsemble.
    """
    if not trees:
        raise InvalidInput("an ensemble of no trees", expected="at least one tree")
    columns: dict[str, list[Any]] = {
        name: [] for name in ("feature", "split", "yes", "no", "yes_leaf", "no_leaf", "nan")
    }
    leaves: list[npt.NDArray[np.float64]] = []
    targets: list[int] = []
    roots: list[int] = []
    num_nodes = num_leaves = 0
    for number, tree in enumerate(trees):
        is_leaf = tree.is_leaf
        values = tree.value[is_leaf]
        if not np.isfinite(values).all() or np.isnan(tree.threshold[~is_leaf]).any():
            raise InvalidInput("a leaf is not finite, or a threshold is NaN", where=f"tree {number}")
        if np.abs(values).max() > _LARGEST:
            raise _diverged()
        if is_leaf.all():  # a tree of one leaf is a node whose two branches are that leaf
            if len(is_leaf) != 1:
                raise InvalidInput(f"{len(is_leaf)} leaves without a root", where=f"tree {number}")
            place = np.zeros(1, np.int64)
            inner = np.zeros(1, np.int64)
            feature, split = np.zeros(1, np.int64), np.zeros(1)
            yes = no = np.array([num_leaves])
            yes_leaf = no_leaf = np.ones(1, np.int64)
            nan = np.zeros(1, np.bool_)
        else:
            inner = np.flatnonzero(~is_leaf)
            below = np.concatenate([tree.yes[inner], tree.no[inner]])
            feature, split, nan = tree.feature[inner], tree.threshold[inner], tree.missing_yes[inner]
            if below.min() < 1 or below.max() >= len(is_leaf) or feature.min() < 0 or feature.max() >= num_features:
                raise InvalidInput("a node names a node or a feature that does not exist", where=f"tree {number}")
            # Places in the two flat lists, of nodes and of leaves.
            place = np.where(is_leaf, np.cumsum(is_leaf) - 1 + num_leaves, np.cumsum(~is_leaf) - 1 + num_nodes)
            yes, no = place[tree.yes[inner]], place[tree.no[inner]]
            yes_leaf, no_leaf = (is_leaf[side[inner]].astype(np.int64) for side in (tree.yes, tree.no))
        roots.append(num_nodes)
        num_nodes += len(inner)
        num_leaves += len(values)
        leaves.append(values)
        if not 0 <= tree.target < num_targets:
            raise InvalidInput(f"target {tree.target} of {num_targets}", where=f"tree {number}")
        targets += [tree.target] * len(values)
        for name, array in zip(columns, (feature, split, yes, no, yes_leaf, no_leaf, nan), strict=True):
            columns[name].append(array)
    step = exact_step(trees)
    if step > _COARSEST:
        raise _diverged()
    flat = {name: np.concatenate(arrays) for name, arrays in columns.items()}
    total = builder.node(
        "TreeEnsemble",
        [builder.cast(features, np.float64)],
        domain="ai.onnx.ml",
        aggregate_function=1,  # sum
        n_targets=num_targets,
        post_transform=0,
        tree_roots=roots,
        nodes_featureids=flat["feature"].astype(np.int64).tolist(),
        nodes_splits=flat["split"].astype(np.float64),
        nodes_modes=np.full(num_nodes, _MODES[rule], np.uint8),
        nodes_truenodeids=flat["yes"].tolist(),
        nodes_falsenodeids=flat["no"].tolist(),
        nodes_trueleafs=flat["yes_leaf"].tolist(),
        nodes_falseleafs=flat["no_leaf"].tolist(),
        nodes_missing_value_tracks_true=flat["nan"].astype(np.int64).tolist(),
        leaf_targetids=targets,
        leaf_weights=np.rint(np.concatenate(leaves) / step) * step,
    )
    return builder.cast(total, np.float32)


def _diverged() -> InvalidInput:
    return InvalidInput(
        "the sum of the trees is beyond float32: the fit diverged",
        expected="leaves that add up to less than 3.4e38",
        fix="learn more slowly (a smaller learning rate)",
    )
