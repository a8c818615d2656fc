"""Cells: one feature in one slice, each earlier span beside the new one; made by folds, by slice where asked for."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.dataset import Dataset
from headrace.engine import Engine
from headrace.fold import Distribution, DistributionResult
from headrace.slicing import SliceSpec
from headrace.validation._profile import Profile, pool

__all__ = ["MIN_ROWS", "Beside", "Cell", "Cells"]

MIN_ROWS = 20  # of a slice, before and after: fewer are not judged

Values = tuple[Any, ...]
Cells = dict[Values, "Cell"]
"""The cells of one feature by the values of the slicing columns."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One feature in one slice, or in all rows.

    Parameters
    ----------
    history : tuple of Profile
        The earlier spans in time's order, those without rows there perhaps left out; at least one.
    after : Profile
        The new span.
    """

    history: tuple[Profile, ...]
    after: Profile

    @functools.cached_property
    def before(self) -> Profile:
        """All earlier spans."""
        return pool(self.history)


class Beside:
    """Spans of a data set beside all of another.

    Parameters
    ----------
    dataset : Dataset
        Where the new spans are.
    previous : Dataset
        What was accepted before.
    engine : Engine
        What folds: by (span, split) as `analyze` asks for it, so that kept states serve both.

    What is known of earlier spans is kept for the next new one.
    """

    def __init__(self, dataset: Dataset, previous: Dataset, engine: Engine) -> None:
        self.dataset, self.previous, self.engine = dataset, previous, engine
        self._earlier: dict[tuple[tuple[str, ...], str], list[_Groups]] = {}

    def whole(self, folds: Sequence[Distribution], spans: Sequence[str]) -> dict[str, dict[str, Cell]]:
        """span -> feature -> all its rows."""
        history = self._by_span(folds, self.previous, [span.name for span in self.previous.spans]).values()
        after = self._by_span(folds, self.dataset, spans)
        return {
            span: {
                fold.column: Cell(tuple(one[place] for one in history), new[place]) for place, fold in enumerate(folds)
            }
            for span, new in after.items()
        }

    def _by_span(
        self, folds: Sequence[Distribution], dataset: Dataset, spans: Sequence[str]
    ) -> dict[str, list[Profile]]:
        parts = [part for split in dataset.split_names for part in dataset.parts(split, spans)]
        zero = np.zeros(1, np.int32)
        total = {span: [fold.create(1) for fold in folds] for span in spans}
        for (span, _), states in self.engine.fold_parts(folds, dataset, parts).items():
            total[span] = [
                fold.merge(left, right, zero)  # type: ignore[arg-type]  # its own fold's state
                for fold, left, right in zip(folds, total[span], states, strict=True)
            ]
        return {
            span: [Profile.of(fold.extract(state)[0]) for fold, state in zip(folds, states, strict=True)]
            for span, states in total.items()
        }

    def by_slice(
        self,
        folds: Sequence[Distribution],
        keys: Sequence[tuple[str, ...]],
        span: str,
        *,
        within: Values = (),
        min_rows: int = MIN_ROWS,
    ) -> dict[str, dict[tuple[str, ...], Cells]]:
        """feature -> slicing columns -> their values -> Cell, for slices that the new span and an earlier one have.

        Slices of fewer than `min_rows` rows in the new span are left out: nothing can be said of them. `within` keeps
        only slices whose values start so. Cost: one pass over the new span and, the first time, over all before; none
        where the states are kept.
        """
        lacking = [fold for fold in folds if any((key, fold.column) not in self._earlier for key in keys)]
        if lacking:
            for span_before in self.previous.spans:
                for (key, name), groups in self._grouped(lacking, keys, self.previous, span_before.name).items():
                    self._earlier.setdefault((key, name), []).append(groups)
        answer: dict[str, dict[tuple[str, ...], Cells]] = {fold.column: {} for fold in folds}
        for (key, name), groups in self._grouped(folds, keys, self.dataset, span).items():
            earlier = self._earlier[key, name]
            answer[name][key] = {
                values: Cell(history, groups.profile(values))
                for values in groups.places
                if values[: len(within)] == within
                and groups.num_rows(values) >= min_rows
                and (history := tuple(one.profile(values) for one in earlier if values in one.places))
            }
        return answer

    def _grouped(
        self, folds: Sequence[Distribution], keys: Sequence[tuple[str, ...]], dataset: Dataset, span: str
    ) -> dict[tuple[tuple[str, ...], str], _Groups]:
        if not folds or not keys:
            return {}
        specs = [SliceSpec(key) for key in keys]
        found = {}
        for key, grouped in zip(
            keys, self.engine.fold_by_key(folds, specs, dataset, dataset.parts(spans=[span])), strict=True
        ):
            values = zip(*(column.to_pylist() for column in grouped.keys.columns), strict=True)
            places = {value: place for place, value in enumerate(values)}
            for fold, state in zip(folds, grouped.states, strict=True):
                result = fold.extract(state)  # type: ignore[arg-type]  # its own fold's state
                found[key, fold.column] = _Groups(places, result)
        return found


@dataclass(frozen=True, eq=False)
class _Groups:
    """One feature by slice in one span; a profile is made when it is asked for, because most slices are small."""

    places: dict[Values, int]
    result: DistributionResult
    _made: dict[Values, Profile] = field(default_factory=dict)

    def num_rows(self, values: Values) -> int:
        return int(self.result.num_rows[self.places[values]])

    def profile(self, values: Values) -> Profile:
        if values not in self._made:
            self._made[values] = Profile.of(self.result[self.places[values]])
        return self._made[values]
