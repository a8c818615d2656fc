"""All slices of up to three columns that could be the worst, without looking at those that cannot.

A slice's score is the loss that it surely adds: its weight times the difference of its mean loss from that outside,
less as many standard errors as the largest of so many slices is off by chance. No slice within another can add more
than the other's rows above the mean do together, so whole branches are left out as soon as that bound is below what has
been found.
"""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headrace.evaluation._slice_encoding import Encoded
from headrace.slicing import Condition

if TYPE_CHECKING:
    from headrace.evaluation._weak_slices import WeakSlices

__all__ = ["Candidate", "search"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Parts = tuple[tuple[int, int], ...]

_SURE = 1.96
_NUM_KEPT = 60  # by score; what is left of them beside each other is chosen from


@dataclass(frozen=True)
class Candidate:
    """A slice: (place of the column, code) pairs, ascending."""

    parts: Parts

    def mask(self, encoded: Sequence[Encoded]) -> Bools:
        """bool[num_rows]: its rows."""
        found = np.ones(len(encoded[0].codes), np.bool_)
        for column, code in self.parts:
            found &= encoded[column].codes == code
        return found

    def condition(self, encoded: Sequence[Encoded]) -> Condition:
        """The same as a condition on values."""
        terms = [term for column, code in self.parts for term in encoded[column].terms[code]]
        return Condition.of(terms)


@dataclass(frozen=True)
class _Sums:
    """Of many slices at once: rows, weight, its square, loss, loss squared, and what is above the mean."""

    rows: Floats
    weight: Floats
    square: Floats
    loss: Floats
    second: Floats
    above: Floats


class _Losses:
    """The rows' losses, in the forms that are added up."""

    def __init__(self, loss: Floats, weight: Floats, surely: float) -> None:
        self.surely = surely
        self.mean = float((weight * loss).sum() / weight.sum())
        weighted = weight * loss
        self.is_even = bool((weight == 1.0).all())
        self.columns = (
            weight,
            weight * weight,
            weighted,
            weighted * loss,
            weight * np.maximum(loss - self.mean, 0.0),
        )
        self.whole = self.sums(np.zeros(len(loss), np.int64), 1)

    def sums(self, codes: npt.NDArray[np.int64], size: int, rows: npt.NDArray[np.int64] | None = None) -> _Sums:
        """By code."""
        count = np.bincount(codes, minlength=size).astype(np.float64)
        picked = self.columns if rows is None else tuple(one[rows] for one in self.columns)
        found: list[Floats] = [
            count if self.is_even and place < 2 else np.bincount(codes, one, size).astype(np.float64, copy=False)
            for place, one in enumerate(picked)
        ]
        return _Sums(count, *found)

    def differences(self, sums: _Sums) -> tuple[Floats, Floats]:
        """How much larger the mean loss is inside than outside, and the variance of that; NaN where nobody can tell."""
        whole = self.whole
        with np.errstate(all="ignore"):
            variance = np.zeros(len(sums.rows))
            means = []
            for rows, weight, square, loss, second in (
                (sums.rows, sums.weight, sums.square, sums.loss, sums.second),
                (
                    whole.rows - sums.rows,
                    whole.weight - sums.weight,
                    whole.square - sums.square,
                    whole.loss - sums.loss,
                    whole.second - sums.second,
                ),
            ):
                mean = loss / weight
                spread = np.maximum(second / weight - mean * mean, 0.0) * rows / (rows - 1.0)
                variance = variance + spread * square / (weight * weight)
                means.append(mean)
            return means[0] - means[1], variance

    def scores(self, sums: _Sums) -> Floats:
        """What each surely adds; -inf where that cannot be told."""
        with np.errstate(all="ignore"):
            difference, variance = self.differences(sums)
            found = sums.weight * (difference - self.surely * np.sqrt(variance))
        return np.where(np.isfinite(found), found, -np.inf)

    def bounds(self, above: Floats, weight: Floats) -> Floats:
        """The most that any slice within can score, of at most half of all weight."""
        whole = float(self.whole.weight[0])
        return above * whole / (whole - np.minimum(weight, whole / 2.0))


class _Best:
    """The best slices until now; ties go to the one with fewer columns, then to the first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.heap: list[tuple[float, tuple[int, ...], Parts]] = []

    @property
    def least(self) -> float:
        """What a slice must score to matter."""
        return self.heap[0][0] if len(self.heap) == self.size else 0.0

    def offer(self, score: float, parts: Parts) -> None:
        """Take it, if it is among the best."""
        if score <= 0.0:
            return
        order = (-len(parts), *(-number for part in parts for number in part))
        item = (score, order, parts)
        if len(self.heap) < self.size:
            heapq.heappush(self.heap, item)
        elif item > self.heap[0]:
            heapq.heapreplace(self.heap, item)

    def sorted(self) -> list[Parts]:
        """The best first."""
        return [parts for _, _, parts in sorted(self.heap, reverse=True)]


def search(encoded: Sequence[Encoded], loss: Floats, weight: Floats, settings: WeakSlices) -> list[Candidate]:
    """The slices that surely add most loss, each beside those before it; at most `settings.most`.

    Cost: about 10 ns a row and pair of columns that may matter.
    """
    if not encoded or len(loss) < 2:
        return []
    losses = _Losses(loss, weight, _surely([len(one.terms) for one in encoded], settings.depth))
    fewest = max(settings.min_rows, settings.min_share * len(loss))
    best = _Best(_NUM_KEPT)
    singles: list[_Sums] = []
    for place, column in enumerate(encoded):
        codes = column.codes.astype(np.int64) + 1
        every = losses.sums(codes, len(column.terms) + 1)
        sums = _Sums(*(one[1:] for one in vars(every).values()))
        singles.append(sums)
        _offer(best, losses, sums, fewest, [((place, code),) for code in range(len(column.terms))])
    if settings.depth > 1:
        for pair in itertools.combinations(range(len(encoded)), 2):
            _cross(best, losses, encoded, singles, pair, fewest, settings.depth)
    return _beside(best.sorted(), encoded, losses, fewest, settings.most)


def _surely(sizes: Sequence[int], depth: int) -> float:
    """How many standard errors the largest of all possible slices is off by chance, every other time."""
    products = [1, 0, 0, 0]  # of sizes, summed over all choices of so many columns
    for size in sizes:
        for level in range(depth, 0, -1):
            products[level] += products[level - 1] * size
    number = sum(products[1:])
    return statistics.NormalDist().inv_cdf(1.0 - 0.5 / max(number, 2))


def _offer(best: _Best, losses: _Losses, sums: _Sums, fewest: float, parts: Sequence[Parts]) -> None:
    scores = losses.scores(sums)
    is_open = (sums.rows >= fewest) & (sums.weight <= losses.whole.weight[0] / 2.0) & (scores > 0.0)
    for index in np.flatnonzero(is_open).tolist():
        best.offer(float(scores[index]), parts[index])


def _cross(
    best: _Best,
    losses: _Losses,
    encoded: Sequence[Encoded],
    singles: Sequence[_Sums],
    pair: tuple[int, int],
    fewest: float,
    depth: int,
) -> None:
    """All slices of these two columns, and those of three that begin with them."""
    left, right = pair
    first, second = singles[left], singles[right]
    open_left, open_right = first.rows >= fewest, second.rows >= fewest
    above = np.minimum(first.above[:, None], second.above[None, :])
    within = np.minimum(first.weight[:, None], second.weight[None, :])
    bound = np.where(open_left[:, None] & open_right[None, :], losses.bounds(above, within), -np.inf)
    if not (bound > best.least).any():
        return
    width = len(second.rows)
    codes = encoded[left].codes.astype(np.int64) * width + encoded[right].codes
    kept = (encoded[left].codes >= 0) & (encoded[right].codes >= 0)
    may = np.append(bound.ravel() > best.least, False)
    rows = np.flatnonzero(kept & may[np.where(kept, codes, -1)])
    if not len(rows):
        return
    codes = codes[rows]
    sums = losses.sums(codes, len(first.rows) * width, rows)
    parts: list[Parts] = [((left, one // width), (right, one % width)) for one in range(len(first.rows) * width)]
    _offer(best, losses, sums, fewest, parts)
    if depth < 3 or right + 1 == len(encoded):
        return
    is_open = (sums.rows >= fewest) & (losses.bounds(sums.above, sums.weight) > best.least)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(sums.rows) + 1))
    for code in np.flatnonzero(is_open).tolist():
        within_pair = rows[order[starts[code] : starts[code + 1]]]
        for third in range(right + 1, len(encoded)):
            near = np.minimum(singles[third].above, sums.above[code])
            if not (losses.bounds(near, np.minimum(singles[third].weight, sums.weight[code])) > best.least).any():
                continue
            inner = encoded[third].codes[within_pair].astype(np.int64) + 1
            every = losses.sums(inner, len(encoded[third].terms) + 1, within_pair)
            found = _Sums(*(one[1:] for one in vars(every).values()))
            _offer(best, losses, found, fewest, [(*parts[code], (third, one)) for one in range(len(found.rows))])


def _beside(
    found: Sequence[Parts], encoded: Sequence[Encoded], losses: _Losses, fewest: float, most: int
) -> list[Candidate]:
    """The best, then what adds most in the rows that those before it do not hold; of each all there is to it."""
    left = {parts: Candidate(parts).mask(encoded) for parts in found}
    chosen: list[Candidate] = []
    free = np.ones(len(encoded[0].codes), np.bool_)
    while left and len(chosen) < most:
        scores = {}
        for parts, mask in left.items():
            rows = np.flatnonzero(mask & free)
            sums = losses.sums(np.zeros(len(rows), np.int64), 1, rows)
            scores[parts] = float(losses.scores(sums)[0]) if len(rows) >= fewest else -np.inf
        best = max(left, key=lambda parts: scores[parts])
        if scores[best] <= 0.0:
            break
        best = _narrowed(best, left, losses, free)
        free &= ~left.pop(best)
        chosen.append(Candidate(best))
        left = {parts: mask for parts, mask in left.items() if scores[parts] > 0.0}
    return chosen


def _narrowed(parts: Parts, known: dict[Parts, Bools], losses: _Losses, free: Bools) -> Parts:
    """The narrowest slice within this one that is all there is to it: the rest is surely not half as weak."""

    def weakness(mask: Bools) -> tuple[float, float]:
        rows = np.flatnonzero(mask & free)
        difference, variance = losses.differences(losses.sums(np.zeros(len(rows), np.int64), 1, rows))
        return float(difference[0]), float(np.sqrt(variance[0]))

    whole, _ = weakness(known[parts])
    for other, mask in known.items():  # the best first
        if len(other) > len(parts) and set(parts) < set(other):
            rest, error = weakness(known[parts] & ~mask)
            if rest + _SURE * error < 0.5 * whole:
                return _narrowed(other, known, losses, free)
    return parts
