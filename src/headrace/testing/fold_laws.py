"""The laws of folds: any split, order or batch size of the same rows gives the same state bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.fold import Fold, Rows, State, decode, encode, grow
from headrace.fold.kernels.native import without_native

__all__ = ["FoldLaws", "slice_rows", "take_rows"]

# Each class that inherits a law runs it on folds of its own, which Hypothesis takes for one flaky test; without a
# database of examples nothing is carried from one class to the next.
_SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def take_rows(rows: Rows, index: npt.NDArray[np.int64]) -> Rows:
    """The rows at these places, in this order."""
    return Rows(
        rows.batch.take(pa.array(index, pa.int64())),
        None if rows.row_id is None else rows.row_id[index],
        None if rows.weight is None else rows.weight[index],
    )


def slice_rows(rows: Rows, first: int, last: int) -> Rows:
    """Rows first to last, without a copy."""
    return Rows(
        rows.batch.slice(first, last - first),
        None if rows.row_id is None else rows.row_id[first:last],
        None if rows.weight is None else rows.weight[first:last],
    )


class FoldLaws:
    """Inherit in a test class and give `folds` and `rows`; every law of `headrace.fold` then runs on them.

    class TestMyFold(FoldLaws):
        folds = (MyFold("x"),)
        rows = strategies.rows({"x": "number"})

    Parameters
    ----------
    folds : sequence of Fold
        Each is tested alone; they read the same rows.
    rows : Hypothesis strategy of Rows
        Must draw empty and all-null batches too; `headrace.testing.strategies.rows` does.
    """

    folds: ClassVar[Sequence[Fold[Any, Any]]] = ()
    rows: ClassVar[st.SearchStrategy[Rows]] = st.nothing()

    @staticmethod
    def _bytes(fold: Fold[Any, Any], state: State) -> bytes:
        return encode(fold, state)

    @staticmethod
    def _folded(fold: Fold[Any, Any], rows: Rows, num_groups: int = 1, groups: Any = None) -> State:
        state: State = fold.add(fold.create(num_groups), rows, groups)
        return state

    @_SETTINGS
    @given(data=st.data())
    def test_any_split_and_order_gives_the_same_bytes(self, data: st.DataObject) -> None:
        """Cutting, shuffling, batching and merging in any order cannot be seen in the state."""
        rows = data.draw(self.rows)
        order = np.array(data.draw(st.permutations(range(rows.num_rows))), np.int64)
        cuts = sorted(data.draw(st.lists(st.integers(0, rows.num_rows), max_size=4)))
        edges = [0, *cuts, rows.num_rows]
        shuffled = take_rows(rows, order)
        pieces = [slice_rows(shuffled, a, b) for a, b in itertools.pairwise(edges)]
        backwards = data.draw(st.booleans())
        zero = np.zeros(1, np.int32)
        for fold in self.folds:
            whole = self._bytes(fold, self._folded(fold, rows))
            batched = fold.create(1)
            for piece in pieces:
                batched = fold.add(batched, piece, None)
            assert self._bytes(fold, batched) == whole, f"{fold}: batches"
            if fold.ordered:
                continue
            states = [self._folded(fold, piece) for piece in pieces]
            if backwards:
                states.reverse()
            left = fold.create(1)
            for state in states:
                left = fold.merge(left, state, zero)
            assert self._bytes(fold, left) == whole, f"{fold}: merged from the left"
            right = self._folded(fold, pieces[-1])
            for piece in reversed(pieces[:-1]):
                right = fold.merge(self._folded(fold, piece), right, zero)
            assert self._bytes(fold, right) == whole, f"{fold}: merged from the right"

    @_SETTINGS
    @given(data=st.data())
    def test_merging_an_empty_state_changes_nothing(self, data: st.DataObject) -> None:
        """The state of no rows is the identity, on both sides."""
        rows = data.draw(self.rows)
        zero = np.zeros(1, np.int32)
        for fold in self.folds:
            whole = self._bytes(fold, self._folded(fold, rows))
            assert self._bytes(fold, fold.merge(self._folded(fold, rows), fold.create(1), zero)) == whole
            assert self._bytes(fold, fold.merge(fold.create(1), self._folded(fold, rows), zero)) == whole
            nothing = slice_rows(rows, 0, 0)
            assert self._bytes(fold, fold.add(self._folded(fold, rows), nothing, None)) == whole

    @_SETTINGS
    @given(data=st.data())
    def test_grouped_equals_each_group_alone(self, data: st.DataObject) -> None:
        """A group's state is what its rows alone give; rows of a negative group are left out."""
        rows = data.draw(self.rows)
        num_groups = data.draw(st.integers(1, 4))
        drawn = st.lists(st.integers(-1, num_groups - 1), min_size=rows.num_rows, max_size=rows.num_rows)
        groups = np.array(data.draw(drawn), np.int32)
        for fold in self.folds:
            grouped = self._folded(fold, rows, num_groups, groups)
            merged = fold.create(num_groups)
            for group in range(num_groups):
                alone = self._folded(fold, take_rows(rows, np.flatnonzero(groups == group)))
                merged = fold.merge(merged, alone, np.array([group], np.int32))
            assert self._bytes(fold, merged) == self._bytes(fold, grouped), f"{fold}: groups"

    @_SETTINGS
    @given(data=st.data())
    def test_answering_at_once_is_answering(self, data: st.DataObject) -> None:
        """What `at_once` says of a cut is what `add` and `extract` say of it, compiled or not; it may say more."""
        folds = [fold for fold in self.folds if type(fold).at_once is not Fold.at_once]
        if not folds:
            return
        rows = data.draw(self.rows)
        num_groups = data.draw(st.integers(1, 4))
        drawn = st.lists(st.integers(0, num_groups - 1), min_size=rows.num_rows, max_size=rows.num_rows)
        groups = np.array(data.draw(drawn), np.int32)
        for fold in folds:
            expected = fold.extract(self._folded(fold, rows, num_groups, groups))
            for switch in (contextlib.nullcontext, without_native):
                with switch():
                    once = fold.at_once(Rows(rows.batch, rows.row_id, rows.weight))
                    found = None if once is None else once(groups, num_groups)
                for item in dataclasses.fields(expected) if found is not None else ():
                    one, other = getattr(expected, item.name), getattr(found, item.name)
                    if one is not None:
                        assert np.asarray(one).tobytes() == np.asarray(other).tobytes(), f"{fold}: {item.name}"

    @_SETTINGS
    @given(data=st.data())
    def test_groups_can_be_renumbered_and_joined(self, data: st.DataObject) -> None:
        """Merging with a map of groups is folding with mapped groups; groups may be joined and added."""
        rows = data.draw(self.rows)
        drawn = st.lists(st.integers(0, 2), min_size=rows.num_rows, max_size=rows.num_rows)
        groups = np.array(data.draw(drawn), np.int32)
        target = np.array(data.draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)), np.int32)
        for fold in self.folds:
            mapped = fold.merge(fold.create(4), self._folded(fold, rows, 3, groups), target)
            direct = self._folded(fold, rows, 4, target[groups])
            assert self._bytes(fold, mapped) == self._bytes(fold, direct), f"{fold}: mapped groups"
            wide = grow(fold, self._folded(fold, rows, 3, groups), 5)
            assert self._bytes(fold, wide) == self._bytes(fold, self._folded(fold, rows, 5, groups)), f"{fold}: grown"

    @_SETTINGS
    @given(data=st.data())
    def test_encoding_round_trips(self, data: st.DataObject) -> None:
        """A state read back is the state that was written, and goes on folding; damaged bytes are refused."""
        rows = data.draw(self.rows)
        zero = np.zeros(1, np.int32)
        for fold in self.folds:
            state = self._bytes(fold, self._folded(fold, rows))
            again = decode(fold, state)
            assert self._bytes(fold, again) == state, f"{fold}: round trip"
            twice = fold.add(self._folded(fold, rows), rows, None)
            assert self._bytes(fold, fold.add(again, rows, None)) == self._bytes(fold, twice), f"{fold}: goes on"
            merged = fold.merge(decode(fold, state), decode(fold, state), zero)
            assert self._bytes(fold, merged) == self._bytes(fold, twice), f"{fold}: merges on"
            try:
                decode(fold, state[: len(state) // 2])
            except InvalidInput:
                continue
            raise AssertionError(f"{fold}: half a state was read as a whole one")

    @_SETTINGS
    @given(data=st.data())
    def test_adding_and_merging_leave_their_input_alone(self, data: st.DataObject) -> None:
        """`add` never changes rows, `merge` never changes its right side, `extract` changes nothing that is encoded."""
        rows = data.draw(self.rows)
        zero = np.zeros(1, np.int32)
        for fold in self.folds:
            right = self._folded(fold, rows)
            before = self._bytes(fold, right)
            fold.merge(self._folded(fold, rows), right, zero)
            assert self._bytes(fold, right) == before, f"{fold}: the right side of a merge"
            fold.extract(right)
            assert self._bytes(fold, right) == before, f"{fold}: extract"
            assert self._bytes(fold, self._folded(fold, rows)) == before, f"{fold}: the rows"

    def test_no_groups_and_no_rows_have_answers(self) -> None:
        """States of 0 and 2 groups without rows encode, decode and extract."""
        for fold in self.folds:
            for num_groups in (0, 2):
                state = fold.create(num_groups)
                assert state.num_groups == num_groups
                assert decode(fold, encode(fold, state)).num_groups == num_groups
                fold.extract(state)
