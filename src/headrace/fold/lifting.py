"""lift: a fold of one group made into a grouped fold, so that a newcomer's fold is thirty lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import pyarrow as pa

from headrace.fold._contract import Fold, Groups, Rows, State, decode, encode

__all__ = ["Lifted", "LiftedState", "SimpleFold", "lift"]

StateT = TypeVar("StateT", bound=State)
ResultT = TypeVar("ResultT")


class SimpleFold(ABC, Generic[StateT, ResultT]):
    """A fold that knows of one group only; `lift` makes it a Fold. Subclasses are frozen dataclasses.

    The laws are those of `Fold`: any split and order of the rows must give a state of the same bytes.
    """

    version: int = 1

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns read; ROW_ID among them asks for row ids."""

    @abstractmethod
    def create(self) -> StateT:
        """A state of no rows: a dataclass of arrays, Arrow arrays, numbers and texts."""

    @abstractmethod
    def add(self, state: StateT, rows: Rows) -> StateT:
        """Add rows. May change `state`, never `rows`."""

    @abstractmethod
    def merge(self, left: StateT, right: StateT) -> StateT:
        """Join two states. May change `left`, never `right`."""

    @abstractmethod
    def extract(self, state: StateT) -> ResultT:
        """The answer."""


@dataclass
class LiftedState(State):
    """One encoded state a group: pyarrow large_binary[num_groups].

    States that are worked on are open (not a field, not encoded) until `canonical` encodes them.
    """

    states: pa.Array

    def __post_init__(self) -> None:
        self._open: dict[int, State] = {}
        self._fold: Any = None

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.states)

    def canonical(self) -> Self:
        """The same with nothing open."""
        if self._open:
            data = [
                encode(self._fold, self._open[group]) if group in self._open else item
                for group, item in enumerate(self.states.to_pylist())
            ]
            self.states, self._open = pa.array(data, pa.large_binary()), {}
        return self


@dataclass(frozen=True)
class _OneGroup(Fold[Any, Any]):
    """A simple fold as `encode` and `decode` want it."""

    simple: SimpleFold[Any, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.simple.columns

    def create(self, num_groups: int) -> Any:
        return self.simple.create()

    def add(self, state: Any, rows: Rows, groups: Groups | None) -> Any:
        return self.simple.add(state, rows)

    def merge(self, left: Any, right: Any, groups: Groups) -> Any:
        return self.simple.merge(left, right)

    def extract(self, state: Any) -> Any:
        return self.simple.extract(state)


@dataclass(frozen=True)
class Lifted(Fold[LiftedState, list[Any]]):
    """A simple fold run for each group; extracts a list of its answers, one a group.

    Cost: one call of the simple fold a group and batch, and one of `take` on the rows; 300 bytes a group beside its
    state. Worth replacing by a fold of its own once there are thousands of groups.
    """

    simple: SimpleFold[Any, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the simple fold reads."""
        return self.simple.columns

    def _opened(self, state: LiftedState, group: int) -> Any:
        one = _OneGroup(self.simple)
        state._fold = one
        if group not in state._open:
            state._open[group] = decode(one, state.states[group].as_py())
        return state._open[group]

    def create(self, num_groups: int) -> LiftedState:
        """A state of no rows."""
        empty = encode(_OneGroup(self.simple), self.simple.create())
        return LiftedState(pa.array([empty] * num_groups, pa.large_binary()))

    def add(self, state: LiftedState, rows: Rows, groups: Groups | None) -> LiftedState:
        """Add rows; changes `state`."""
        if rows.num_rows == 0:
            return state
        if groups is None:
            if state.num_groups:
                opened = self._opened(state, 0)
                state._open[0] = self.simple.add(opened, rows)
            return state
        order = np.argsort(groups, kind="stable")
        present, starts = np.unique(groups[order], return_index=True)
        for group, index in zip(present.tolist(), np.split(order, starts[1:]), strict=True):
            if group >= 0:
                part = Rows(
                    rows.batch.take(pa.array(index, pa.int64())),
                    None if rows.row_id is None else rows.row_id[index],
                    None if rows.weight is None else rows.weight[index],
                )
                opened = self._opened(state, group)
                state._open[group] = self.simple.add(opened, part)
        return state

    def merge(self, left: LiftedState, right: LiftedState, groups: Groups) -> LiftedState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        right.canonical()
        one = _OneGroup(self.simple)
        for source, group in enumerate(groups.tolist()):
            opened = self._opened(left, group)
            # Decoded anew: what the simple fold takes from its right side must not be shared.
            left._open[group] = self.simple.merge(opened, decode(one, right.states[source].as_py()))
        return left

    def extract(self, state: LiftedState) -> list[Any]:
        """The simple fold's answers, one a group."""
        state.canonical()
        one = _OneGroup(self.simple)
        return [self.simple.extract(decode(one, item)) for item in state.states.to_pylist()]


def lift(simple: SimpleFold[Any, Any]) -> Lifted:
    """A fold of one group as a grouped Fold that every engine runs.

    >>> from dataclasses import dataclass
    >>> import pyarrow as pa, pyarrow.compute as pc
    >>> @dataclass
    ... class Longest(State):
    ...     length: int
    >>> @dataclass(frozen=True)
    ... class LongestText(SimpleFold[Longest, int]):
    ...     column: str
    ...     @property
    ...     def columns(self): return (self.column,)
    ...     def create(self): return Longest(0)
    ...     def add(self, state, rows):
    ...         length = pc.max(pc.utf8_length(rows.batch.column(self.column))).as_py()
    ...         return Longest(max(state.length, length or 0))
    ...     def merge(self, left, right): return Longest(max(left.length, right.length))
    ...     def extract(self, state): return state.length
    >>> fold = lift(LongestText("name"))
    >>> rows = Rows(pa.record_batch({"name": ["a", "abc", None]}))
    >>> fold.extract(fold.add(fold.create(2), rows, np.array([0, 1, 1], np.int32)))
    [1, 3]
    """
    return Lifted(simple)
