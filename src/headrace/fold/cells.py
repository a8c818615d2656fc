"""Cells: one group's values between true bounds, and the quantiles and histograms that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Cells"]


@dataclass(frozen=True)
class Cells:
    """One group's values between bounds, in order: an exact value is a cell whose bounds are equal.

    Parameters
    ----------
    low, high : float64[n]
        Every value of the cell lies in low .. high, both included.
    counts : int64[n]
        Values in the cell: exact.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    def _at(self, edges: npt.NDArray[np.float64], places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Order statistics of a multiset of edges at fractional places, linear between neighbours."""
        order = np.argsort(edges, kind="stable")
        ends = np.cumsum(self.counts[order])
        below = np.floor(places).astype(np.int64)
        above = np.minimum(below + 1, ends[-1] - 1)
        first = edges[order][np.searchsorted(ends, below, side="right")]
        second = edges[order][np.searchsorted(ends, above, side="right")]
        share = places - below
        return np.asarray(first * (1 - share) + second * share)

    def quantiles(
        self, shares: Sequence[float]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Quantiles, and true bounds of each: float64[len(shares)] three times; NaN when there are no values.

        Linear between neighbouring values, as NumPy's default; values are taken as spread evenly over their cell.
        """
        if not len(self.counts):
            nothing = np.full(len(shares), math.nan)
            return nothing, nothing, nothing
        total = int(self.counts.sum())
        places = np.asarray(shares, np.float64) * (total - 1)
        low, high = self._at(self.low, places), self._at(self.high, places)
        order = np.argsort(self.low / 2 + self.high / 2, kind="stable")
        ends = np.cumsum(self.counts[order])
        cell = order[np.searchsorted(ends, np.floor(places).astype(np.int64), side="right")]
        inside = places - (ends - self.counts[order])[np.searchsorted(ends, np.floor(places), side="right")] + 0.5
        share = np.minimum(inside / self.counts[cell], 1.0)
        spread = self.low[cell] * (1 - share) + self.high[cell] * share
        exact = low == high
        return np.where(exact, low, np.clip(spread, low, high)), low, high

    def histogram(self, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """float64[len(edges) - 1]: values in [edge, next edge), the last both ends included.

        A cell that an edge cuts is shared out by width.
        """
        if not len(self.counts):
            return np.zeros(len(edges) - 1)
        order = np.argsort(self.high, kind="stable")
        highs, ends = self.high[order], np.append(0, np.cumsum(self.counts[order]))
        below = ends[np.searchsorted(highs, edges, side="left")].astype(np.float64)
        below[-1] = ends[np.searchsorted(highs, edges[-1], side="right")]
        wide = np.flatnonzero(self.low < self.high)
        if not len(wide):  # every value is known: no edge cuts a cell
            return np.diff(below)
        wide = wide[np.argsort(self.low[wide], kind="stable")]
        low, high, counts = self.low[wide], self.high[wide], self.counts[wide]
        if (high[:-1] <= low[1:]).all():  # as cells of a grid are: an edge cuts one at most
            at = np.searchsorted(low, edges, side="left") - 1
            cuts = (at >= 0) & (high[at] >= edges)
            cuts[-1] &= high[at[-1]] > edges[-1]
            at = at[cuts]
            below[cuts] += counts[at] * ((edges[cuts] - low[at]) / (high[at] - low[at]))
            return np.diff(below)
        for index, edge in enumerate(edges.tolist()):
            cut = np.flatnonzero((low < edge) & ((high >= edge) if index < len(edges) - 1 else (high > edge)))
            below[index] += float((counts[cut] * ((edge - low[cut]) / (high[cut] - low[cut]))).sum())
        return np.diff(below)
