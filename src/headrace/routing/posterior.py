"""The posterior of mean rewards: how sure it is which version is best, integrated on a grid, nothing drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.routing.tally import Tally

__all__ = ["densities", "expected_losses", "interval", "win_probabilities"]

_EDGE = 1e-12
_AROUND = np.linspace(-9.0, 9.0, 361)
_EVEN = np.linspace(_EDGE, 1.0 - _EDGE, 129)


def _shape(tally: Tally) -> tuple[float, float]:
    return 1.0 + tally.total, 1.0 + max(0.0, tally.num_rewarded - tally.total)


def _grid(tallies: Mapping[int, Tally]) -> npt.NDArray[np.float64]:
    """Points where any of the densities has its mass, ascending."""
    pieces = [_EVEN]
    for tally in tallies.values():
        a, b = _shape(tally)
        deviation = math.sqrt(a * b / (a + b + 1.0)) / (a + b)
        pieces.append(a / (a + b) + deviation * _AROUND)
    return np.unique(np.clip(np.concatenate(pieces), _EDGE, 1.0 - _EDGE))


def _density(tally: Tally, points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Density and distribution function of Beta at the points; the last value of the latter is 1."""
    a, b = _shape(tally)
    whole = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    density = np.exp((a - 1.0) * np.log(points) + (b - 1.0) * np.log1p(-points) + whole)
    steps = np.diff(points) * (density[1:] + density[:-1]) / 2.0
    below = np.concatenate([[0.0], np.cumsum(steps)])
    return density / below[-1], below / below[-1]


def densities(tallies: Mapping[int, Tally]) -> tuple[npt.NDArray[np.float64], dict[int, npt.NDArray[np.float64]]]:
    """The posterior densities of the mean rewards, for drawing: points (0..1, ascending), and a density a version.

    >>> points, found = densities({1: Tally.of([0, 1] * 50)})
    >>> bool(0.48 < points[found[1].argmax()] < 0.52)
    True
    """
    points = _grid(tallies)
    return points, {version: _density(tally, points)[0] for version, tally in tallies.items()}


def win_probabilities(tallies: Mapping[int, Tally]) -> dict[int, float]:
    """The probability of each version that its mean reward is the highest, 0..1, 1 in sum.

    Parameters
    ----------
    tallies : mapping of int to Tally
        At least one; a version without rewards has the uniform prior.

    Cost: 0.2 ms for two versions, 10 ms for thirty. Error: below 0.001, by comparison with exact sums for two.

    >>> win_probabilities({1: Tally(), 2: Tally()})
    {1: 0.5, 2: 0.5}
    """
    points = _grid(tallies)
    found = {version: _density(tally, points) for version, tally in tallies.items()}
    won = {}
    for version, (density, _) in found.items():
        others = [below for other, (_, below) in found.items() if other != version]
        best = density * np.prod(others, axis=0) if others else density
        won[version] = float((np.diff(points) * (best[1:] + best[:-1])).sum() / 2.0)
    total = math.fsum(won.values())
    return {version: min(1.0, share / total) for version, share in won.items()}


def expected_losses(tallies: Mapping[int, Tally]) -> dict[int, float]:
    """How much reward a request is expected to lose by each version, beside the best: E[max of all - own], 0..1.

    >>> losses = expected_losses({1: Tally.of([0] * 50), 2: Tally.of([1] * 50)})
    >>> losses[1] > 0.9 and losses[2] < 0.001
    True
    """
    points = _grid(tallies)
    below = np.prod([_density(tally, points)[1] for tally in tallies.values()], axis=0)
    # E[max] = integral of 1 - P(max <= x)
    highest = float(points[0]) + float((np.diff(points) * (2.0 - below[1:] - below[:-1])).sum() / 2.0)
    means = {version: _shape(tally)[0] / sum(_shape(tally)) for version, tally in tallies.items()}
    return {version: max(0.0, highest - mean) for version, mean in means.items()}


def interval(tally: Tally, *, probability: float = 0.95) -> tuple[float, float]:
    """The mean reward's central posterior interval.

    >>> low, high = interval(Tally.of([0, 1] * 500))
    >>> 0.46 < low < 0.5 < high < 0.54
    True
    """
    points = _grid({0: tally})
    below = _density(tally, points)[1]
    tail = (1.0 - probability) / 2.0
    low, high = np.interp([tail, 1.0 - tail], below, points)
    return float(low), float(high)
