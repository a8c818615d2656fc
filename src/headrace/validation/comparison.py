"""Two statistics side by side: the measures and faults of drift where no rows are at hand, only what was kept of them.

`validate` compares data sets and can cut them by slices. A server's log is compared with the statistics of the rows
its model was fitted on; there the same distances, noise floors and signatures are asked about whole columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from headrace.statistics import Statistics
from headrace.validation._cells import Cell
from headrace.validation._contract import Item
from headrace.validation._distances import Distance, distances
from headrace.validation._located import Located, item_of
from headrace.validation._plain_drift import ERROR_RATE, plain_drift
from headrace.validation._profile import Profile, pool
from headrace.validation._search import look

__all__ = ["Comparison", "compare_statistics"]


@dataclass(frozen=True)
class Comparison:
    """One column, before and after.

    Parameters
    ----------
    feature : str
        The column.
    distances : tuple of Distance
        Every measure that applies; none where one side has no rows or is of another kind.
    items : tuple of Item
        What is wrong with it, as `validate` would say.
    """

    feature: str
    distances: tuple[Distance, ...]
    items: tuple[Item, ...]

    @property
    def worst(self) -> Distance | None:
        """The distance that is farthest beyond what matters and what is chance."""
        return max(self.distances, key=lambda one: one.value / max(one.threshold, one.noise), default=None)


def compare_statistics(
    before: Statistics, after: Statistics, features: Iterable[str], *, name: str, error_rate: float = ERROR_RATE
) -> list[Comparison]:
    """How far columns of new rows are from those of earlier rows.

    Parameters
    ----------
    before : Statistics
        Its spans say how far spans lie from each other by nature.
    after : Statistics
        Taken as a whole.
    features : iterable of str
        The columns to compare; one that either side lacks, or has in another kind, is an item.
    name : str
        What to call the new rows in messages.
    error_rate : float
        The chance, under no drift at all, that any column is above its noise floor.

    Cost: about 1 ms a column.

    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.statistics import analyze
    >>> low, high = (analyze(Dataset.from_arrow(pa.table({"x": range(a, a + 1000)}))) for a in (0, 500))
    >>> [comparison] = compare_statistics(low, high, ["x"], name="today")
    >>> comparison.worst.measure, comparison.items[0].severity
    ('wasserstein', 'warning')
    """
    names = list(features)
    found = []
    kinds = [{fold.column: fold.kind for fold in side.folds} for side in (before, after)]
    for feature in names:
        was, now = (side.get(feature) for side in kinds)
        if was is None or was != now:
            message = f"{feature}: {was or 'nothing'} before, {now or 'nothing'} in {name}: not compared"
            found.append(Comparison(feature, (), (Item("drift_kind", feature, None, "warning", now, was, message),)))
            continue
        cell = Cell(tuple(_profiles(before, feature)), pool(_profiles(after, feature)))
        measured = distances(cell.before, cell.after, error_rate / max(1, len(names)))
        faults = (
            [Located(feature, name, fault) for fault in look(cell, {})]
            if any(one.is_noticeable for one in measured)
            else []
        )
        items = [item_of([fault], (), is_hidden=False) for fault in faults] or plain_drift(
            feature, cell, measured, name
        )
        found.append(Comparison(feature, tuple(measured), tuple(items)))
    return found


def _profiles(statistics: Statistics, feature: str) -> list[Profile]:
    """The column's profile in each span."""
    place = statistics.feature_names.index(feature)
    fold = statistics.folds[place]
    zero = np.zeros(1, np.int32)
    found = []
    for span in statistics.span_names:
        total = fold.create(1)
        for (name, _), states in statistics.parts.items():
            if name == span:
                total = fold.merge(total, states[place], zero)  # type: ignore[arg-type]  # its own fold's state
        found.append(Profile.of(fold.extract(total)[0]))
    return found
