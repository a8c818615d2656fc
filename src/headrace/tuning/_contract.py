"""What a searcher is: it says what to try next, from what was tried before, and remembers nothing.

    params = searcher.suggest(space, history, seed=0, number=7)      # {"max_depth": 5, "learning_rate": 0.08}

`suggest` is a pure function. The study lives in the store, which logs with each trial what its suggestion saw; so any
study, also one of many workers, some of them killed, can be replayed trial by trial. A new searcher is one file in
`tuning/searchers/` (or `adapters/<extra>/searcher.py`); `headrace.testing.searcher_cases` checks it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.training.space import Space

__all__ = ["Past", "PastState", "Searcher", "draw", "generator"]

PastState = Literal["running", "succeeded", "stopped", "failed"]


@dataclass(frozen=True)
class Past:
    """An earlier trial, as a searcher is told of it.

    Parameters
    ----------
    number : int
        Trials count from 0.
    params : mapping
        A value for each parameter of the space, each within its domain.
    state : "running", "succeeded", "stopped" or "failed"
        stopped: ended early because it fell behind.
    loss : float or None
        What is to be made small (a metric that should be large comes negated). None of a running or failed trial.
    losses : mapping of int to float
        What it reported by step, smaller = better; empty where it reported nothing.
    """

    number: int
    params: Mapping[str, Any]
    state: PastState = "succeeded"
    loss: float | None = None
    losses: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state == "succeeded" and (self.loss is None or self.loss != self.loss):
            raise InvalidInput(f"trial {self.number} succeeded with the loss {self.loss}", expected="a number")


class Searcher(ABC):
    """The contract: one method. Members are frozen dataclasses of plain parameters, each with a default."""

    @abstractmethod
    def suggest(self, space: Space, history: Sequence[Past], *, seed: int, number: int) -> dict[str, Any]:
        """What trial `number` should try.

        Parameters
        ----------
        space : mapping of str to Domain
            At least one parameter; `Int`, `Float` or `Choice` each.
        history : sequence of Past
            Trials with smaller numbers, ascending; running ones too. May lack some, or be empty.
        seed : int
            Of the study, 0 or more.
        number : int
            Of the trial, from 0.

        Returns
        -------
        dict
            A value for each parameter, within its domain, of its domain's type. The same arguments give the same
            answer, in any process; nothing is remembered between calls, no clock is read. `generator(seed, number)`
            gives random numbers of that kind.
        """


def generator(seed: int, number: int) -> np.random.Generator:
    """Random numbers of one trial: the same for equal arguments, independent for different ones.

    >>> generator(0, 3).random() == generator(0, 3).random()
    True
    """
    return np.random.Generator(np.random.PCG64(int(digest(["searcher", seed, number])[:32], 16)))


def draw(space: Space, seed: int, number: int) -> dict[str, Any]:
    """A uniform draw from every domain."""
    shares = generator(seed, number).random(len(space))
    return {name: domain.at(float(share)) for (name, domain), share in zip(space.items(), shares, strict=True)}
