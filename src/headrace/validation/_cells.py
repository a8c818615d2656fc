"""Cells: one feature in one slice, each earlier span beside the new one; made by folds, by slice where asked for."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.dataset import Dataset
from headrace.engine import Engine
from headrace.fold import Distribution
from headrace.slicing import SliceSpec
from headrace.validation._profile import Profile, pool

__all__ = ["Beside", "Cell", "Cells"]

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
        self._earlier: dict[tuple[tuple[str, ...], str], list[dict[Values, Profile]]] = {}

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
        self, folds: Sequence[Distribution], columns: tuple[str, ...], span: str, within: Values = ()
    ) -> dict[str, Cells]:
        """feature -> values of these columns -> Cell, for slices that the new span and an earlier one have.

        `within` keeps only slices whose values start so. Cost: one pass over the new span and, the first time, over
        all before; none where the states are kept.
        """
        unknown = [fold for fold in folds if (columns, fold.column) not in self._earlier]
        if unknown:
            found = [self._grouped(unknown, columns, self.previous, one.name) for one in self.previous.spans]
            for fold in unknown:
                self._earlier[columns, fold.column] = [one[fold.column] for one in found]
        answer: dict[str, Cells] = {}
        for name, profiles in self._grouped(folds, columns, self.dataset, span).items():
            earlier = self._earlier[columns, name]
            answer[name] = {
                values: Cell(history, new)
                for values, new in profiles.items()
                if values[: len(within)] == within
                and (history := tuple(one[values] for one in earlier if values in one))
            }
        return answer

    def _grouped(
        self, folds: Sequence[Distribution], columns: tuple[str, ...], dataset: Dataset, span: str
    ) -> dict[str, dict[Values, Profile]]:
        if not folds:
            return {}
        grouped = self.engine.fold_by_key(folds, [SliceSpec(columns)], dataset, dataset.parts(spans=[span]))[0]
        keys = list(zip(*(column.to_pylist() for column in grouped.keys.columns), strict=True))
        found = {}
        for fold, state in zip(folds, grouped.states, strict=True):
            result = fold.extract(state)  # type: ignore[arg-type]  # its own fold's state
            found[fold.column] = {key: Profile.of(result[group]) for group, key in enumerate(keys)}
        return found
