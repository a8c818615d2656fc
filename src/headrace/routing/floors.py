"""Floors: whatever a policy has learned, each version keeps a share, and the champion keeps its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace.errors import InvalidInput
from headrace.routing._contract import Tables, Traffic
from headrace.routing.allocation import shares
from headrace.routing.tally import Tally

__all__ = ["check_share", "floored", "learned_tables"]


def check_share(name: str, value: Any, where: str) -> None:
    """Raise InvalidInput unless the value is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise InvalidInput(f"{name} = {value!r}", where=where, expected="a number from 0 to 1")


def floored(weights: Mapping[int, float], champion: int, *, floor: float, control: float) -> dict[int, float]:
    """Probabilities in proportion to weights, above the floors.

    Parameters
    ----------
    weights : mapping of int to float
        At least 0, one of them above; version -> weight.
    champion : int
        The version that keeps `control`.
    floor : float
        The least share of each version (0..1): what keeps learning, and any later estimate, possible. Where it is more
        than all have, all have the same.
    control : float
        The least share of the champion.

    >>> floored({1: 0.0, 2: 1.0}, 1, floor=0.05, control=0.25)
    {1: 0.25, 2: 0.75}
    """
    least = {version: min(floor, 1.0 / len(weights)) for version in weights}
    rest = 1.0 - sum(share for version, share in least.items() if version != champion)
    least[champion] = min(max(least[champion], control), rest)
    free = max(0.0, 1.0 - sum(least.values()))
    total = sum(weights.values())
    return shares({version: least[version] + free * weight / total for version, weight in weights.items()})


def learned_tables(
    traffic: Traffic, weigh: Callable[[Mapping[int, Tally]], Mapping[int, float]], *, floor: float, control: float
) -> Tables:
    """One table a segment, each from its own rewards, above the floors; empty ones where there is no champion.

    `weigh` gives the weights of a segment's versions, as `floored` takes them, from their tallies.
    """
    champion = traffic.champion
    if champion is None:
        return {segment: {} for segment in traffic.segments}
    return {
        segment: floored(weigh(traffic.tallies(segment)), champion, floor=floor, control=control)
        for segment in traffic.segments
    }
