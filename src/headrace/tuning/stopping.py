"""When to give a trial up before its end: it has fallen behind what others had reached by the same step.

A rule sees the losses by step that this trial reported so far, and those of the trials whose results its suggestion
saw, and nothing else: so the decision is the same whenever, and wherever, it is taken.
"""

from __future__ import annotations

import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.errors import InvalidInput, Misuse, UnknownName

__all__ = ["Asha", "Median", "Stopping", "stopping_of"]

Losses = Mapping[int, float]


@dataclass(frozen=True)
class Stopping(ABC):
    """The base of the rules."""

    limits: ClassVar[Sequence[tuple[str, int]]] = ()

    def __post_init__(self) -> None:
        for name, low in self.limits:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidInput(
                    f"{name} = {value!r}", where=type(self).__name__, expected=f"a whole number >= {low}"
                )

    @abstractmethod
    def is_behind(self, losses: Losses, others: Sequence[Losses]) -> bool:
        """Whether a trial that reported `losses` by step so far should end now.

        Parameters
        ----------
        losses : mapping of int to float
            Step (from 0) to loss, smaller = better; the largest step is the newest.
        others : sequence of mappings
            The same of earlier trials that ended.
        """


def _best(losses: Losses, step: int) -> float | None:
    """The best up to a step; None where the trial did not get so far."""
    found = [loss for at, loss in losses.items() if at <= step]
    return min(found) if found and max(losses) >= step else None


@dataclass(frozen=True)
class Median(Stopping):
    """Give up what, by its best loss so far, is worse than the median of the others at this step.

    Parameters
    ----------
    min_finished : int
        Others that must have got to this step.
    min_step : int
        Steps before this one are not judged.

    Source: Golovin et al., "Google Vizier", KDD 2017, section 3.2.1.

    >>> Median(min_finished=2, min_step=0).is_behind({0: 0.9}, [{0: 0.5}, {0: 0.7}])
    True
    """

    min_finished: int = 5
    min_step: int = 10

    limits: ClassVar[Sequence[tuple[str, int]]] = (("min_finished", 1), ("min_step", 0))

    def is_behind(self, losses: Losses, others: Sequence[Losses]) -> bool:
        """See Stopping."""
        step = max(losses)
        if step < self.min_step:
            return False
        reached = [best for other in others if (best := _best(other, step)) is not None]
        if len(reached) < self.min_finished:
            return False
        mine = _best(losses, step)
        assert mine is not None
        return mine > statistics.median(reached)


@dataclass(frozen=True)
class Asha(Stopping):
    """Judge at a few steps only, each `eta` times the one before; what is not among the best 1/eta there ends.

    Parameters
    ----------
    eta : int
        One in so many goes on.
    min_step : int
        Steps done at the first judgement.

    Source: Li et al., "A system for massively parallel hyperparameter tuning" (ASHA), MLSys 2020; its form that stops
    and never promotes.

    >>> Asha(min_step=1).is_behind({0: 0.9}, [{0: 0.5}, {0: 0.7}])
    True
    """

    eta: int = 3
    min_step: int = 10

    limits: ClassVar[Sequence[tuple[str, int]]] = (("eta", 2), ("min_step", 1))

    def is_behind(self, losses: Losses, others: Sequence[Losses]) -> bool:
        """See Stopping."""
        step = max(losses)
        rung = self.min_step
        while rung < step + 1:
            rung *= self.eta
        if rung != step + 1:  # steps count from 0
            return False
        reached = [best for other in others if (best := _best(other, step)) is not None]
        mine = _best(losses, step)
        assert mine is not None
        num_better = sum(best < mine for best in reached)
        return num_better >= max(1, (len(reached) + 1) // self.eta)


_BY_NAME = {"median": Median, "asha": Asha}


def stopping_of(given: Any) -> Stopping | None:
    """A rule from its name, or itself; None = none. UnknownName, Misuse for anything else."""
    if given is None or isinstance(given, Stopping):
        return given
    if isinstance(given, str):
        if given not in _BY_NAME:
            raise UnknownName("stopping rule", given, _BY_NAME)
        return _BY_NAME[given]()
    raise Misuse(f"stopping is {given!r}", expected="'median', 'asha', None, or Median(...) or Asha(...)")
