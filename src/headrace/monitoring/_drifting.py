"""Drift of a window, whole and by slice, beside the rows a model was fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset import Dataset
from headrace.kinds import kind_of
from headrace.statistics import Statistics, analyze
from headrace.validation import compare_statistics

__all__ = ["Drifted", "SliceBaseline"]

_MOST_SLICES = 32
_LEAST_ROWS = 50
# The chance that any column of any slice of a window without drift is above its noise.
_ERROR_RATE = 0.005

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Drifted:
    """One column in one slice.

    Parameters
    ----------
    feature : str
        The column.
    slice : tuple of (column, value)
        Empty for all rows.
    ratio : float
        Its distance beside what matters and what is chance: above 1 it has drifted.
    num_rows : int
        Rows of the window in the slice.
    message : str
        What happened, in words; "" where nothing did.
    """

    feature: str
    slice: Pairs
    ratio: float
    num_rows: int
    message: str


def _cut(table: pa.Table, columns: Sequence[str]) -> dict[Pairs, pa.Table]:
    """All rows, and those of each value of each slicing column, the most frequent first."""
    found: dict[Pairs, pa.Table] = {(): table}
    for name in columns:
        counts = pc.value_counts(table[name].cast(pa.string()))
        rows = sorted(counts.to_pylist(), key=lambda one: (-one["counts"], str(one["values"])))
        for row in rows[:_MOST_SLICES]:
            if row["values"] is not None:
                mask = pc.equal(table[name].cast(pa.string()), row["values"])
                found[((name, row["values"]),)] = table.filter(mask)
    return found


class SliceBaseline:
    """The statistics of the rows a model was fitted on, of all and of each slice.

    Parameters
    ----------
    table : pyarrow.Table
        Those rows, or a sample of them: 100,000 say all that distances of this kind can tell.
    columns : sequence of str
        What is compared.
    slices : sequence of str
        Columns to cut by, each with at most 32 values.
    """

    def __init__(self, table: pa.Table, columns: Sequence[str], slices: Sequence[str] = ()) -> None:
        self.columns, self.slices = list(columns), list(slices)
        self._kinds = {name: kind_of(table.schema.field(name).type) for name in self.columns}
        self._known: Mapping[Pairs, Statistics] = {
            pairs: analyze(Dataset.from_arrow(rows.select(self.columns)))
            for pairs, rows in _cut(table, self.slices).items()
            if pairs == () or rows.num_rows >= _LEAST_ROWS
        }

    def compare(self, window: pa.Table) -> list[Drifted]:
        """Each column of the window in each slice that has enough rows on both sides, the farthest first.

        Distances are the ones `validate` uses, with their noise floors; the chance of a false word is shared by all
        slices. A slicing column is not compared inside its own slices. Cost: about 2 ms a column and slice.
        """
        if not window.num_rows:
            return []
        cuts = {
            pairs: rows
            for pairs, rows in _cut(window, self.slices).items()
            if pairs in self._known and (pairs == () or rows.num_rows >= _LEAST_ROWS)
        }
        found = []
        for pairs, rows in cuts.items():
            names = [name for name in self.columns if name not in dict(pairs)]
            live = analyze(Dataset.from_arrow(rows.select(names)))
            where = ",".join(f"{name}={value}" for name, value in pairs)
            compared = compare_statistics(
                self._known[pairs],
                live,
                names,
                name=f"what is asked{f' where {where}' if where else ''}",
                error_rate=_ERROR_RATE / len(cuts),
            )
            for one in compared:
                worst = one.worst
                serious = [item for item in one.items if item.severity in ("warning", "error")]
                ratio = 0.0 if worst is None else worst.value / max(worst.threshold, worst.noise)
                # What has the mark of a fault is serious at any distance that is no chance.
                ratio = max(ratio, 1.000001) if serious and worst is not None and worst.value > worst.noise else ratio
                message = serious[0].message if serious else ""
                found.append(Drifted(one.feature, pairs, ratio, rows.num_rows, message))
        return sorted(found, key=lambda one: -one.ratio)
