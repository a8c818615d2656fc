"""A trainer that takes its time: small steps, a checkpoint after each, for tests that kill, follow and resume."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.model import GraphBuilder
from headrace.model.signature import Task
from headrace.model.trees import Tree, add_tree_ensemble
from headrace.training import Features, Group, Journal, Predictor, Trainer

__all__ = ["Stepping"]


@dataclass(frozen=True)
class _Slopes(Predictor):
    """A sum of one step a feature: above zero or not."""

    weights: npt.NDArray[np.float64]
    task: Task = "binary"

    def build(self, builder: GraphBuilder, features: str) -> dict[str, str]:
        """A tree a feature."""
        trees = [
            Tree(
                feature=np.array([index, 0, 0]),
                threshold=np.zeros(3),
                yes=np.array([1, -1, -1]),
                no=np.array([2, -1, -1]),
                missing_yes=np.ones(3, np.bool_),
                value=np.array([0.0, -weight, weight]),
            )
            for index, weight in enumerate(self.weights)
        ]
        margin = add_tree_ensemble(builder, features, trees, rule="<=", num_features=len(self.weights))
        return {"margin": margin, "prediction": builder.node("Sigmoid", [margin])}


@dataclass(frozen=True)
class Stepping(Trainer):
    """Gradient descent (squared error) on the signs of features, one step a report, each kept as a checkpoint.

    Its state is the step and the weights in float64: a fit that goes on from a checkpoint is the fit that was never
    cut off, to the byte.

    Parameters
    ----------
    num_steps : int
        How many.
    learning_rate : float
        Of a step; far too much makes it diverge.
    pause_s : float
        Seconds to wait before each step, so that there is time to kill it.

    >>> Stepping(num_steps=3).num_steps
    3
    """

    num_steps: int = 20
    learning_rate: float = 0.3
    pause_s: float = 0.0

    limits: ClassVar[Sequence[tuple[str, float, float]]] = (
        ("num_steps", 1, 100_000),
        ("learning_rate", 0.0, 1e6),
        ("pause_s", 0.0, 60.0),
    )

    def fit(
        self,
        train: Features,
        validation: Features | None,
        *,
        params: Mapping[str, Any],
        group: Group,
        journal: Journal,
    ) -> Predictor:
        """Go on from the journal's checkpoint, if it has one."""
        chosen = self.replace(params)
        signs = np.where(train.matrix > 0.0, 1.0, -1.0)
        first, weights = 0, np.zeros(train.matrix.shape[1])
        state = journal.resume()
        if state is not None:
            first, weights = int.from_bytes(state[:8], "little"), np.frombuffer(state[8:], np.float64)
        for step in range(first, chosen.num_steps):
            time.sleep(chosen.pause_s)
            with np.errstate(over="ignore", invalid="ignore"):
                margin = signs @ weights
                error = margin - (2.0 * train.label - 1.0)
                weights = weights - chosen.learning_rate * (signs * error[:, None]).mean(axis=0)
                loss = float(np.mean(error**2))
            journal.save((step + 1).to_bytes(8, "little") + weights.tobytes())
            if not journal.report(step, {"train": loss}):
                break
        return _Slopes(weights)
