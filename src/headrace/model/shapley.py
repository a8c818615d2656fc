"""Shapley values of an ensemble of trees, exactly: what each feature adds to the margin of a row, beside a background.

The game is the interventional one. With background rows z_1..z_m and a set S of features, v(S) is the mean over them of
the ensemble's sum for the row that has x's values in S and z's elsewhere. The Shapley value of feature i is

    phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))

and a leaf adds to v(S) where every test on its path is met. Per leaf and background row only two sets matter: A, the
features whose tests x meets and z does not, and B, those that z meets and x does not; where neither meets a test the
leaf is out of reach. With a = |A| and b = |B| the leaf, of weight w, adds w (a-1)! b! / (a+b)! to each of A, and takes
w a! (b-1)! / (a+b)! from each of B. So phi is exact, additive (phi sums to v(all) - v(none), the margin less the mean
margin of the background), and needs no covers, which graphs of several libraries do not hold.

Trees are read from the graph's own TreeEnsemble, with its rule for ties and its way for missing values: what is
explained is what answers.

Source: Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature Machine
Intelligence 2 (2020), the interventional algorithm; Young, "Monotonic solutions of cooperative games" (1985).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["TreeShap"]

_LEQ, _LT = 0, 1
_MOST_FEATURES = 62  # of one path: the tests it meets are the bits of a word
_MOST_TESTS = 1_000_000  # of all paths together: 1,500 trees of depth 6, 400 of depth 8
_MOST_CELLS = 4_000_000  # rows times tests that are looked at together: 32 MB


@dataclass(frozen=True)
class _Ensemble:
    """The one TreeEnsemble of a graph, as arrays."""

    feature: npt.NDArray[np.int64]
    split: npt.NDArray[np.float64]
    is_strict: npt.NDArray[np.bool_]
    missing_yes: npt.NDArray[np.bool_]
    yes: npt.NDArray[np.int64]
    no: npt.NDArray[np.int64]
    yes_is_leaf: npt.NDArray[np.bool_]
    no_is_leaf: npt.NDArray[np.bool_]
    roots: tuple[int, ...]
    target: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    num_targets: int

    def goes_yes(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """bool[num_rows, num_nodes]: where each row goes at each node."""
        values = features[:, self.feature]
        below = np.where(self.is_strict, values < self.split, values <= self.split)
        found: npt.NDArray[np.bool_] = np.where(np.isnan(values), self.missing_yes, below)
        return found


def _read(onnx: bytes) -> _Ensemble | None:
    """The ensemble whose sum is the output `margin` (else `prediction`); None where the graph has no such."""
    from onnx import ModelProto, helper

    graph = ModelProto.FromString(onnx).graph
    made = {name: one for one in graph.node for name in one.output}

    def behind(name: str, stops: Any) -> str:
        """The tensor that another is a cast or a copy of, as far back as that goes, or to one of these."""
        while name not in stops and name in made and made[name].op_type in ("Cast", "Identity"):
            name = made[name].input[0]
        return name

    answer = "margin" if "margin" in {one.name for one in graph.output} else "prediction"
    node = made.get(behind(answer, ()))
    if node is None or node.op_type != "TreeEnsemble":
        return None
    copied = made["features"].input[0] if made["features"].op_type == "Identity" else "features"
    if behind(node.input[0], ("features", copied)) not in ("features", copied):
        return None
    told = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    arrays = {name: _array(value) for name, value in told.items() if name.startswith(("nodes_", "leaf_"))}
    modes = arrays["nodes_modes"].astype(np.int64)
    if told.get("aggregate_function", 1) != 1 or told.get("post_transform", 0) or not np.isin(modes, (_LEQ, _LT)).all():
        return None
    none = np.zeros(len(modes), np.int64)
    return _Ensemble(
        feature=arrays["nodes_featureids"],
        split=arrays["nodes_splits"].astype(np.float64),
        is_strict=modes == _LT,
        missing_yes=arrays.get("nodes_missing_value_tracks_true", none).astype(np.bool_),
        yes=arrays["nodes_truenodeids"],
        no=arrays["nodes_falsenodeids"],
        yes_is_leaf=arrays["nodes_trueleafs"].astype(np.bool_),
        no_is_leaf=arrays["nodes_falseleafs"].astype(np.bool_),
        roots=tuple(told["tree_roots"]),
        target=arrays["leaf_targetids"],
        weight=arrays["leaf_weights"].astype(np.float64),
        num_targets=int(told.get("n_targets", 1)),
    )


def _array(value: Any) -> npt.NDArray[Any]:
    from onnx import TensorProto, numpy_helper

    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.array(value)


class TreeShap:
    """The explainer of one graph.

    Parameters
    ----------
    onnx : bytes
        The model's graph.
    background : float32[num_background, num_features]
        Rows of features that stand for "not known".

    `TreeShap.of` says whether a graph can be explained so. Memory: 30 bytes a leaf and test of its path, and 20 bytes a
    leaf and different way in which the background meets them; 40 MB for 200 trees of 64 leaves and 100 rows, 200 MB
    and 30 ms a row for 1,000 trees of 60 leaves, eight tests deep. Safe to share by threads.
    """

    def __init__(self, ensemble: _Ensemble, background: npt.NDArray[np.float32]) -> None:
        self._ensemble = ensemble
        self._read_paths()
        self._step = max(1, _MOST_CELLS // (len(self._node) + 1))
        patterns = np.concatenate(
            [
                self._patterns(background[first : first + self._step].astype(np.float64))
                for first in range(0, len(background), self._step)
            ]
        )
        self._leaf_of, self._pattern, counts = _grouped(patterns)
        self._share = counts / len(background)
        self._full = self._all[self._leaf_of]
        most = self._place.shape[1]
        # (a-1)! b! / (a+b)! for a >= 1, by a and b; what B loses is the same with the two exchanged.
        self._gain = np.zeros((most + 1, most + 1))
        for a in range(1, most + 1):
            for b in range(most + 1 - a):
                self._gain[a, b] = 1.0 / (a * math.comb(a + b, a))
        is_met = self._pattern == self._full
        self.base = np.bincount(
            ensemble.target[self._leaf[self._leaf_of[is_met]]],
            ensemble.weight[self._leaf[self._leaf_of[is_met]]] * self._share[is_met],
            ensemble.num_targets,
        )

    @classmethod
    def of(cls, onnx: bytes, background: npt.NDArray[np.float32]) -> TreeShap | None:
        """The explainer; None for a graph that is not one sum of trees of plain splits, or one of very many.

        Very many: more than a million tests on all paths together, or 62 features on one.
        """
        ensemble = _read(onnx)
        if ensemble is None or not len(background):
            return None
        try:
            return cls(ensemble, background)
        except _TooLarge:
            return None

    def _read_paths(self) -> None:
        """The leaves, and the tests of each one's path, by feature: the j-th feature of a path is its bit j."""
        trees = self._ensemble
        leaves: list[int] = []
        places: list[list[int]] = []
        tests: list[tuple[int, int, int, bool]] = []  # leaf, bit, node, whether it is met by going yes
        # (index, whether it is a leaf, the tests before): a node is read once a path, without recursion
        for root in trees.roots:
            waiting: list[tuple[int, bool, tuple[tuple[int, bool], ...]]] = [(root, False, ())]
            while waiting:
                index, is_leaf, path = waiting.pop()
                if not is_leaf:
                    waiting.append((int(trees.no[index]), bool(trees.no_is_leaf[index]), (*path, (index, False))))
                    waiting.append((int(trees.yes[index]), bool(trees.yes_is_leaf[index]), (*path, (index, True))))
                    continue
                if trees.weight[index] == 0.0:
                    continue
                bits: dict[int, int] = {}
                for node, is_yes in path:
                    bit = bits.setdefault(int(trees.feature[node]), len(bits))
                    tests.append((len(leaves), bit, node, is_yes))
                if len(bits) > _MOST_FEATURES or len(tests) > _MOST_TESTS:
                    raise _TooLarge
                leaves.append(index)
                places.append(list(bits))
        self._leaf = np.array(leaves, np.int64)
        most = max(map(len, places), default=1)
        self._place = np.full((len(places), most), -1, np.int64)
        for number, found in enumerate(places):
            self._place[number, : len(found)] = found
        self._all = (np.uint64(1) << np.array([len(found) for found in places], np.uint64)) - np.uint64(1)
        tests.sort(key=lambda one: one[:2])
        table = np.array(tests, np.int64).reshape(-1, 4)
        self._node, self._is_yes = table[:, 2], table[:, 3].astype(np.bool_)
        group = table[:, 0] * (most + 1) + table[:, 1]
        self._starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else np.zeros(0, np.int64)
        self._bit = np.uint64(1) << table[self._starts, 1].astype(np.uint64)
        owner = table[self._starts, 0]
        self._owners = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else np.zeros(0, np.int64)

    def _patterns(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
        """uint64[num_rows, num_leaves]: bit j is set where a row meets all tests of the leaf's j-th feature."""
        if not len(self._starts):
            return np.zeros((len(features), len(self._leaf)), np.uint64)
        is_met = self._ensemble.goes_yes(features)[:, self._node] == self._is_yes
        by_feature = np.logical_and.reduceat(is_met, self._starts, axis=1)
        found: npt.NDArray[np.uint64] = np.add.reduceat(by_feature * self._bit, self._owners, axis=1, dtype=np.uint64)
        return found

    def explain(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """What each feature adds to the sum of the trees.

        Parameters
        ----------
        features : float32[num_rows, num_features]
            The model's output of that name.

        Returns
        -------
        float64[num_rows, num_features, num_targets]
            With `base`, float64[num_targets], it adds up to the sum of the trees. Cost: about 2 ms a row for 200 trees
            of depth 6 and 100 background rows.
        """
        found = np.zeros((*features.shape, self._ensemble.num_targets))
        for first in range(0, len(features), self._step):
            patterns = self._patterns(features[first : first + self._step].astype(np.float64))
            for number, pattern in enumerate(patterns):
                found[first + number] = self._explain(pattern, features.shape[1])
        return found

    def _explain(self, pattern: npt.NDArray[np.uint64], num_features: int) -> npt.NDArray[np.float64]:
        mine = pattern[self._leaf_of]
        index = np.flatnonzero(((mine | self._pattern) == self._full) & (mine != self._pattern))
        leaf = self._leaf_of[index]
        mine, theirs = mine[index], self._pattern[index]
        only_mine, only_theirs = mine & ~theirs, theirs & ~mine
        a, b = np.bitwise_count(only_mine), np.bitwise_count(only_theirs)
        weight = self._ensemble.weight[self._leaf[leaf]] * self._share[index]
        gain, loss = weight * self._gain[a, b], weight * self._gain[b, a]
        targets = self._ensemble.num_targets
        target = self._ensemble.target[self._leaf[leaf]]
        found = np.zeros(num_features * targets)
        for bit in range(self._place.shape[1]):
            word = np.uint64(1 << bit)
            for chosen, amount, sign in ((only_mine, gain, 1.0), (only_theirs, loss, -1.0)):
                at = np.flatnonzero(chosen & word)
                place = self._place[leaf[at], bit] * targets + target[at]
                found += sign * np.bincount(place, amount[at], len(found))
        return found.reshape(num_features, targets)


class _TooLarge(Exception):
    pass


def _grouped(
    patterns: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """(leaf, pattern, how many rows have it) of the different patterns of each leaf."""
    ordered = np.sort(patterns, axis=0)
    is_new = np.ones(ordered.shape, np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    leaf, row = np.nonzero(is_new.T)
    ends = np.r_[np.flatnonzero(np.r_[leaf[1:] != leaf[:-1]]) + 1, len(leaf)] if len(leaf) else np.zeros(0, np.int64)
    following = np.r_[row[1:], 0]
    following[ends - 1] = len(patterns)
    return leaf, ordered.T[leaf, row], following - row
