"""Drifted: the values that a finding of drift is about, before and now, in the rows it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.fold import Distribution, GroupDistribution
from headrace.schema import kind_of
from headrace.slicing import SliceSpec, slice_name
from headrace.validation import Item
from headrace.validation.drift import new_spans

__all__ = ["Drifted"]


class Drifted:
    """A data set beside the one before it; each column and cut is read once, whatever the number of findings.

    Parameters
    ----------
    dataset, previous : Dataset
        What was judged, and what it was compared with.
    """

    def __init__(self, dataset: Dataset, previous: Dataset) -> None:
        self._sides = (previous, dataset.select_spans(new_spans(dataset, previous) or [dataset.spans[-1].name]))
        self._hidden = {*dataset.roles.sensitive, *previous.roles.sensitive}
        self._known: dict[tuple[int, str, tuple[str, ...]], dict[str, GroupDistribution]] = {}

    @property
    def names(self) -> tuple[str, str]:
        """What the two sides are called."""
        return _named(self._sides[0]), _named(self._sides[1])

    def of(self, item: Item) -> tuple[GroupDistribution, GroupDistribution] | None:
        """The column's values before and now; None where they cannot be shown."""
        if item.feature is None or item.feature in self._hidden:
            return None
        for columns in self._cuts(item.slice):
            both = [self._groups(side, item.feature, columns).get(item.slice or "overall") for side in (0, 1)]
            if both[0] is not None and both[1] is not None:
                return both[0], both[1]
        return None

    def _cuts(self, wanted: str | None) -> Iterator[tuple[str, ...]]:
        """The columns that a slice's name may be made of; a value may look like the name of another column."""
        if wanted is None:
            yield ()
            return
        names = [name for name in self._sides[1].column_names if name not in self._hidden]
        for first in names:
            if wanted.startswith(f"{first}="):
                yield (first,)
                yield from ((first, second) for second in names if f",{second}=" in wanted)

    def _groups(self, side: int, feature: str, columns: tuple[str, ...]) -> dict[str, GroupDistribution]:
        place = (side, feature, columns)
        if place not in self._known:
            self._known[place] = _fold(self._sides[side], feature, columns)
        return self._known[place]


def _fold(dataset: Dataset, feature: str, columns: Sequence[str]) -> dict[str, GroupDistribution]:
    shared = dataset.shared_schema
    if feature not in shared.names or any(column not in shared.names for column in columns):
        return {}
    fold = Distribution(feature, kind_of(shared.field(feature).type))
    (grouped,) = LocalEngine().fold_by_key([fold], [SliceSpec(tuple(columns))], dataset, dataset.parts())
    found = fold.extract(grouped.states[0])  # type: ignore[arg-type]  # its own fold's state
    rows = zip(*(column.to_pylist() for column in grouped.keys.columns), strict=True) if columns else [()]
    return {slice_name(columns, row): found[place] for place, row in enumerate(rows)}


def _named(dataset: Dataset) -> str:
    names = [span.name for span in dataset.spans]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
