"""Outline: the shape of a distribution in words: its peaks, its symmetry, its tails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.fold import GroupDistribution

__all__ = ["Outline", "outline_of"]

_FEWEST_ROWS = 100
_FEWEST_VALUES = 10  # distinct ones: below, each is a bar of its own
_NUM_BINS = 128
_EDGE = 0.005  # the share of rows that is left out at either end when peaks are looked for
_SMOOTH_BINS = 3.0  # standard deviation of the smallest kernel
_NOISE = 5.0  # a valley is one when it is so many standard errors deep
_DEEP = 0.15  # and so much of the lower of its two peaks
_MASS = 0.01  # of the rows, at the least, belong to a peak
_SKEWED = 0.1
# Of a normal distribution the outer percentiles lie 3.82 quartile distances apart: from 0.5 % to 99.5 %.
_NORMAL_TAIL = 3.82
_HEAVY, _LIGHT = 1.35, 0.7


@dataclass(frozen=True)
class Outline:
    """What a distribution of numbers looks like.

    Parameters
    ----------
    peaks : tuple of float
        Where it has peaks, ascending; one for a bell. Peaks closer than about a fortieth of the range count as one, and
        what sampling noise could have made is none.
    symmetry : {"symmetric", "right-skewed", "left-skewed"}
        By the deciles: which side reaches further.
    left_tail, right_tail : {"light", "normal", "heavy", "none"}
        How far the outermost half percent lies from the median, in distances of the quartile on that side, as against a
        normal distribution's; "none" where the quartile is the median or half of all values are equal.
    share_beyond_3_sd : float
        Of the values, the share more than three standard deviations from the mean (of a normal distribution 0.0027).
    """

    peaks: tuple[float, ...]
    symmetry: str
    left_tail: str
    right_tail: str
    share_beyond_3_sd: float

    @property
    def words(self) -> str:
        """In words: "two peaks, right-skewed, heavy right tail".

        >>> Outline((1.0,), "symmetric", "normal", "normal", 0.003).words
        'one peak, symmetric'
        """
        number = len(self.peaks)
        named = {0: "no peak", 1: "one peak", 2: "two peaks", 3: "three peaks"}.get(number, f"{number} peaks")
        found = [named, self.symmetry]
        if self.left_tail == self.right_tail and self.left_tail in ("heavy", "light"):
            found.append(f"{self.left_tail} tails")
        else:
            found += [
                f"{tail} {side} tail"
                for side, tail in (("left", self.left_tail), ("right", self.right_tail))
                if tail in ("heavy", "light")
            ]
        return ", ".join(found)


def outline_of(one: GroupDistribution) -> Outline | None:
    """The outline of one group's finite values; None for fewer than 100, for fewer than ten distinct ones, and texts.

    Cost: about 0.5 ms.
    """
    if one.kind in ("text", "binary") or one.num_finite < _FEWEST_ROWS or one.num_distinct < _FEWEST_VALUES:
        return None
    shares = [_EDGE, 0.1, 0.25, 0.5, 0.75, 0.9, 1 - _EDGE]
    low, tenth, first, middle, third, ninetieth, high = one.quantiles(shares).tolist()
    across, lean = ninetieth - tenth, ninetieth + tenth - 2 * middle
    # Of whole numbers the middle is known to a whole number only.
    tolerance = _SKEWED * across + (1.0 if one.kind in ("integer", "boolean") else 0.0)
    symmetry = "symmetric" if abs(lean) <= tolerance else "right-skewed" if lean > 0 else "left-skewed"
    return Outline(
        _peaks(one, low, high),
        symmetry,
        _tail(middle - low, middle - first),
        _tail(high - middle, third - middle),
        _beyond(one),
    )


def _tail(reach: float, quartile: float) -> str:
    if quartile <= 0 or not math.isfinite(reach / quartile):
        return "none"
    ratio = reach / quartile / _NORMAL_TAIL
    return "heavy" if ratio > _HEAVY else "light" if ratio < _LIGHT else "normal"


def _beyond(one: GroupDistribution) -> float:
    low, high = one.mean - 3 * one.std_dev, one.mean + 3 * one.std_dev
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0
    inside = float(one.histogram([low, np.nextafter(high, math.inf)])[0])
    return min(1.0, max(0.0, 1.0 - inside / one.num_finite))


def _peaks(one: GroupDistribution, low: float, high: float) -> tuple[float, ...]:
    """Where the smoothed histogram has maxima that a valley parts from every higher one."""
    if not low < high:  # nearly everything is one value
        return (float(one.quantiles([0.5])[0]),)
    edges = _edges(one, low, high)
    counts = one.histogram(edges.tolist())
    # The histogram's last bin has both ends; values beyond the outer edges are not in any.
    spread = min(one.std_dev, _quartiles(one) / 1.34) if _quartiles(one) > 0 else one.std_dev
    width = 0.9 * spread * one.num_finite**-0.2 / (edges[1] - edges[0])
    kernel = _kernel(min(max(width, _SMOOTH_BINS), len(counts) / 8))
    half = len(kernel) // 2
    padded = np.concatenate([counts[:half][::-1], counts, counts[-half:][::-1]])  # mirrored: an edge is no valley
    smooth = np.convolve(padded, kernel, "same")[half : half + len(counts)]
    noise = float((kernel**2).sum())  # variance of a smoothed count, for each count
    chosen = _separate(smooth, noise, float(counts.sum()))
    below = one.histogram([float(one.min), *edges.tolist()])[0] if one.min < edges[0] else 0.0
    halves = [(below + counts[:place].sum() + counts[place] / 2) / one.num_finite for place in chosen]
    return tuple(one.quantiles(halves).tolist())  # the median of the bin's values


def _quartiles(one: GroupDistribution) -> float:
    first, third = one.quantiles([0.25, 0.75]).tolist()
    return float(third - first)


def _edges(one: GroupDistribution, low: float, high: float) -> npt.NDArray[np.float64]:
    """Bins of one width; of whole numbers all holding equally many, or a comb would show that is not in the data."""
    if one.kind not in ("integer", "boolean"):
        return np.linspace(low, high, _NUM_BINS + 1)
    step = max(1, math.ceil((high - low + 1) / _NUM_BINS))
    number = math.ceil((math.floor(high) - math.floor(low) + 1) / step)
    return math.floor(low) - 0.5 + step * np.arange(number + 1, dtype=np.float64)


def _kernel(width: float) -> npt.NDArray[np.float64]:
    half = max(1, math.ceil(3 * width))
    found = np.exp(-0.5 * (np.arange(-half, half + 1) / max(width, 1e-9)) ** 2)
    return np.asarray(found / found.sum())


def _separate(smooth: npt.NDArray[np.float64], noise: float, total: float) -> list[int]:
    """Places of maxima, ascending: grown from the highest down, two that meet stay apart where the valley is real."""
    owner = np.full(len(smooth), -1)
    tops: list[int] = []
    mass: dict[int, float] = {}
    merged: dict[int, int] = {}

    def root(index: int) -> int:
        while index in merged:
            index = merged[index]
        return index

    kept: set[int] = set()
    for place in np.argsort(-smooth, kind="stable").tolist():
        beside = {root(int(owner[at])) for at in (place - 1, place + 1) if 0 <= at < len(smooth) and owner[at] >= 0}
        if not beside:
            owner[place] = len(tops)
            mass[len(tops)] = float(smooth[place])
            tops.append(place)
            continue
        higher, *lower = sorted(beside, key=lambda index: (-smooth[tops[index]], tops[index]))
        owner[place] = higher
        mass[higher] += float(smooth[place])
        for index in lower:
            peak, valley = float(smooth[tops[index]]), float(smooth[place])
            deep = peak - valley > max(_NOISE * math.sqrt(noise * (peak + valley)), _DEEP * peak)
            if deep and mass[index] > _MASS * total:
                kept.add(tops[index])
            merged[index] = higher
            mass[higher] += mass[index]
    if tops:
        kept.add(tops[0])
    return sorted(kept)
