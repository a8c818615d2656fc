"""Estimate: what another policy would have earned, from what this one logged; a refusal where that cannot be told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput

__all__ = ["Estimate", "Logged", "estimate"]

_LEAST_EFFECTIVE = 100.0
_MOST_OF_ONE = 0.1
_Z = 1.959963984540054


@dataclass(frozen=True)
class Logged:
    """Decisions whose reward is known.

    Parameters
    ----------
    versions : int64[num_rows]
        What was chosen.
    propensities : float64[num_rows]
        How probable that choice was, 0..1, above 0.
    rewards : float64[num_rows]
        What it earned, in any unit.
    segments : list of str
        The segment of each.
    units : list of str
        What each belongs to: rows of one unit are not independent of each other. Each row's own id where there is none.

    Raises InvalidInput where the lengths differ, or a propensity is none.
    """

    versions: npt.NDArray[np.int64]
    propensities: npt.NDArray[np.float64]
    rewards: npt.NDArray[np.float64]
    segments: list[str]
    units: list[str]

    def __post_init__(self) -> None:
        lengths = {len(values) for values in vars(self).values()}
        if len(lengths) != 1:
            raise InvalidInput(f"lengths {sorted(lengths)}", where="logged decisions", expected="one length")
        if not ((self.propensities > 0.0) & (self.propensities <= 1.0)).all():
            raise InvalidInput("a propensity that is none", where="logged decisions", expected="above 0, at most 1")


@dataclass(frozen=True)
class Estimate:
    """What a policy would have earned a request.

    Parameters
    ----------
    num_rows : int
        Decisions it was told from.
    effective_rows : float
        How many decisions of its own these are worth: (sum of weights)^2 / sum of squared weights.
    largest_share : float
        The share of one decision in all weight, 0..1.
    ips, snips, dr : (value, lower, upper)
        Inverse propensity, its self-normalised form, and doubly robust, each with its 95 % interval; NaN where refused.
    refusal : str
        Why nothing is told; "" where it is.
    """

    num_rows: int
    effective_rows: float
    largest_share: float
    ips: tuple[float, float, float]
    snips: tuple[float, float, float]
    dr: tuple[float, float, float]
    refusal: str = ""

    def to_plain(self) -> dict[str, Any]:
        """As plain data; null where nothing is told."""
        plain = asdict(self)
        for name in ("ips", "snips", "dr"):
            value = getattr(self, name)
            told = zip(("value", "lower", "upper"), value, strict=True)
            plain[name] = None if math.isnan(value[0]) else dict(told)
        return plain


_NOTHING = (math.nan, math.nan, math.nan)


def estimate(logged: Logged, tables: Mapping[str, Mapping[int, float]]) -> Estimate:
    """What a policy with these tables would have earned on what was asked.

    Parameters
    ----------
    logged : Logged
        From the request log and the reward log.
    tables : mapping of segment to (mapping of version to probability)
        The policy's; of a version alone: {segment: {version: 1.0}}.

    Returns
    -------
    Estimate
        With a refusal instead of numbers where a version that the policy would choose was never chosen in a segment,
        where the decisions are worth fewer than 100 of its own, or where one decision is a tenth of all weight.

    Cost: a few passes over the rows.

    >>> logged = Logged(np.array([1, 2] * 500), np.full(1000, 0.5), np.array([0.0, 1.0] * 500), ["all"] * 1000,
    ...     [str(row) for row in range(1000)])
    >>> estimate(logged, {"all": {2: 1.0}}).snips[0]
    1.0

    Source: Dudik, Langford and Li 2011, Doubly robust policy evaluation; Swaminathan and Joachims 2015 (SNIPS).
    """
    num_rows = len(logged.versions)
    cells = list(zip(logged.segments, logged.versions.tolist(), strict=True))
    chosen = set(cells)
    for segment in sorted(set(logged.segments)):
        for version, share in tables.get(segment, {}).items():
            if share > 0.0 and (segment, version) not in chosen:
                return _refused(num_rows, f"version {version} was never chosen in segment {segment!r}")
    target = np.array([tables.get(segment, {}).get(version, 0.0) for segment, version in cells])
    weights = target / logged.propensities
    total = float(weights.sum())
    if not total:
        return _refused(num_rows, "nothing that this policy would choose was chosen")
    effective = total**2 / float((weights**2).sum())
    largest = float(weights.max()) / total
    if effective < _LEAST_EFFECTIVE or largest > _MOST_OF_ONE:
        why = f"{num_rows:,} decisions are worth {effective:.0f} of this policy's own, and one is {largest:.0%} of them"
        return _refused(num_rows, f"{why}: at least {_LEAST_EFFECTIVE:.0f} are needed", effective, largest)
    rewards = logged.rewards
    clusters = _clusters(logged.units)
    weighted = weights * rewards
    snips = float(weighted.sum()) / total
    expected, modelled = _model(logged, cells, tables)
    return Estimate(
        num_rows,
        effective,
        largest,
        _interval(weighted, clusters),
        _around(snips, weights * (rewards - snips) * (num_rows / total), clusters),
        _interval(expected + weights * (rewards - modelled), clusters),
    )


def _refused(num_rows: int, why: str, effective: float = 0.0, largest: float = 1.0) -> Estimate:
    return Estimate(num_rows, effective, largest, _NOTHING, _NOTHING, _NOTHING, why)


def _clusters(units: list[str]) -> npt.NDArray[np.int64]:
    places: dict[str, int] = {}
    return np.array([places.setdefault(unit, len(places)) for unit in units], np.int64)


def _interval(terms: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    mean = float(terms.mean())
    return _around(mean, terms - mean, clusters)


def _around(
    value: float, residuals: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64]
) -> tuple[float, float, float]:
    """The value with its interval: residuals are added up by unit first, since rows of one unit go together."""
    sums = np.bincount(clusters, residuals)
    error = math.sqrt(float((sums**2).sum())) / len(residuals)
    return value, value - _Z * error, value + _Z * error


def _model(
    logged: Logged, cells: list[tuple[str, int]], tables: Mapping[str, Mapping[int, float]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each row: what the policy is expected to earn there, and what its own choice was, by mean rewards.

    Means are taken from the other half of the units: a row does not help to predict itself.
    """
    halves = _clusters(logged.units) % 2
    expected, modelled = np.zeros(len(cells)), np.zeros(len(cells))
    for half in (0, 1):
        sums: dict[tuple[str, int], list[float]] = {}
        other = halves != half
        for cell, reward in zip(
            [cell for cell, is_other in zip(cells, other.tolist(), strict=True) if is_other],
            logged.rewards[other].tolist(),
            strict=True,
        ):
            found = sums.setdefault(cell, [0.0, 0.0])
            found[0] += 1.0
            found[1] += reward
        overall = float(logged.rewards[other].mean()) if other.any() else 0.0
        means = {cell: total / count for cell, (count, total) in sums.items()}
        values = {
            segment: math.fsum(share * means.get((segment, version), overall) for version, share in table.items())
            for segment, table in tables.items()
        }
        for place in np.flatnonzero(halves == half).tolist():
            modelled[place] = means.get(cells[place], overall)
            expected[place] = values.get(cells[place][0], overall)
    return expected, modelled
