"""Which map made few rows what they are: the likeliest of all that signatures know, where shapes say little.

A hundred rows have no shape that a picture would show, but they have a likelihood. Each map (cut off at an end, one
value, a grid, a factor, a constant) says how the rows would be spread had it befallen a part of them; that is held
against how they were spread before. The gain is the logarithm of the likelihood ratio in nats, shrunk by how few rows
there were before; by chance alone it is above `x` with a chance of about e^-x. The likeliest map is told where it gains
enough and where, besides, it leaves hardly anything over that is more than chance: a season, too, is likelier under
some map than under none, but no map gets it right.

Cost: 50 us a map; a column of many distinct values, or one that did not change in the map's own way, is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.validation._binned import chi_squared
from headrace.validation._distances import gap
from headrace.validation._profile import GRIDS, Profile, Values
from headrace.validation._units import known_factors

__all__ = [
    "LEAST_NATS",
    "MOST_VALUES",
    "RATES",
    "Gain",
    "Likeliest",
    "differ",
    "dispersion",
    "gain",
    "likeliest",
    "tables",
]

LEAST_NATS = 15.0
MIN_ROWS = 20
MOST_VALUES = 3000
CELLS = 12
RATES = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
SMOOTH = 0.3  # of a row in each cell
FITS = 1e-3  # the chance that what is left is chance
CHANCE = 1e-3
MOST_LEFT = 0.05  # of what the map explains: among many rows nothing is exactly as before
MIN_GAP = 0.1
MIN_RISE, MIN_PILE, MIN_TAIL, MOST_TAIL = 0.15, 0.05, 0.04, 0.9
ON_GRID, MOST_ON_GRID = 0.97, 0.6
TOP = 4  # values
THROUGHOUT = 0.9  # of the rows
FAR = 1e150  # farther, squares are infinite

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """How much likelier rows are under a map: `nats`, the part of them that it befell, and whether it leaves no more
    than chance."""

    nats: float
    rate: float
    fits: bool


@dataclass(frozen=True, eq=False)
class Likeliest:
    """The likeliest map: the signature's code, its parameter (factor, constant, value, grid), its gain, and whether it
    was held against the rows around a slice instead of against earlier ones."""

    code: str
    value: float
    gain: Gain
    is_beside: bool = False

    @property
    def is_throughout(self) -> bool:
        """Whether it befell as good as all rows."""
        return self.gain.rate >= THROUGHOUT


def tables(*profiles: Profile) -> list[Floats]:
    """Rows of each profile in common cells: about twelve of equal share, frequent values in cells of their own; text by
    value, the rare ones together."""
    if not profiles[0].is_number:
        totals: dict[object, float] = {}
        for one in profiles:
            for value, share in zip(one.values.tolist(), one.shares.tolist(), strict=True):
                totals[value] = totals.get(value, 0.0) + share
        kept = sorted(totals, key=lambda value: (-totals[value], str(value)))[: 2 * CELLS]
        answer = []
        for one in profiles:
            known = dict(zip(one.values.tolist(), one.counts.tolist(), strict=True))
            counts = [float(known.get(value, 0)) for value in kept]
            answer.append(np.array([*counts, one.num_present - sum(counts)]))
        return answer
    values = np.concatenate([one.values.astype(np.float64) for one in profiles])
    order = np.argsort(values, kind="stable")
    values, places = values[order], np.cumsum(np.concatenate([one.shares for one in profiles])[order])
    levels = np.arange(1, CELLS) / CELLS * places[-1]
    edges, hits = np.unique(values[np.minimum(len(values) - 1, np.searchsorted(places, levels))], return_counts=True)
    frequent = np.concatenate([_frequent(one) for one in profiles])
    edges = np.unique(np.concatenate([edges, frequent, np.nextafter(edges[hits > 1], -np.inf), _below(frequent)]))
    shares = [np.diff(np.concatenate([[0.0], one.below(edges), [1.0]])) for one in profiles]
    return [np.rint(share * one.num_present) for share, one in zip(shares, profiles, strict=True)]


def _frequent(profile: Profile) -> Floats:
    """The values that hold a good share of the rows, at most a few."""
    top = np.argsort(-profile.counts, kind="stable")[:TOP]
    return profile.values[top[profile.shares[top] >= 1 / CELLS]].astype(np.float64)


def _below(values: Floats) -> Floats:
    return np.asarray(np.nextafter(values, -np.inf))


def gain(before: Profile, after: Profile, mapped: Profile, rates: Floats = RATES, dispersion: float = 1.0) -> Gain:
    """What the rows gain by the map having befallen the likeliest part of them."""
    was, now, would = tables(before, after, mapped)
    old, new = ((one + SMOOTH) / (one.sum() + SMOOTH * len(one)) for one in (was, would))
    mixed = np.log((1 - rates)[:, None] * old + rates[:, None] * new)
    likelihoods = mixed @ now
    best = int(np.argmax(likelihoods))
    shrunk = before.num_present / (before.num_present + after.num_present) / dispersion
    nats = shrunk * float(likelihoods[best] - np.log(old) @ now)
    filled = now > 0
    own = float(now[filled] @ np.log(now[filled] / now.sum()))
    left = 2 * shrunk * (own - float(likelihoods[best]))
    allowed = max(chi_squared(int((filled | (was > 0)).sum()) - 1, FITS), MOST_LEFT * 2 * nats)
    return Gain(nats, float(rates[best]), left <= allowed)


def dispersion(pairs: Iterable[tuple[Profile, Profile]]) -> float:
    """How many times as far as independent rows samples lie from each other, at least 1: rows of one timetable come
    together. The mean of chi squared over its degrees; 1 where nothing is known."""
    found = []
    for one, other in pairs:
        if min(one.num_present, other.num_present) >= MIN_ROWS:
            square, degrees = _chi_squared(one, other)
            found.append(square / degrees)
    return max(1.0, sum(found) / len(found)) if found else 1.0


def likeliest(
    before: Profile, after: Profile, *, is_leap: bool, is_whole: bool = False, dispersion: float = 1.0
) -> Likeliest | None:
    """The map that gains most, of those that fit; None where none gains enough.

    Parameters
    ----------
    before, after : Profile
        Numbers, all values known.
    is_leap : bool
        Whether numbers moved farther than between earlier spans: else factors and constants are not asked.
    is_whole : bool
        Whether factors and constants must fit all rows: two seasons together look like a part that moved.
    dispersion : float
        How many times as far as chance samples lie from each other by nature: what nats are divided by.
    """
    if not before.is_number or not (before.is_exact and after.is_exact):
        return None
    if min(before.num_present, after.num_present) < MIN_ROWS or len(before.values) < 3:
        return None
    if max(len(before.values), len(after.values)) > MOST_VALUES:
        return None
    if not differ(before, after):
        return None
    best: Likeliest | None = None
    most = 0.0
    for code, value, values, rates, cost in _maps(before, after, is_leap, RATES[:1] if is_whole else RATES):
        if not np.isfinite(values).all():
            continue
        found = gain(before, after, before.mapped(_met(values, before, after)), rates, dispersion)
        if found.fits and found.nats - cost > most:
            most, best = found.nats - cost, Likeliest(code, value, found)
    return best if most >= LEAST_NATS else None


def differ(before: Profile, after: Profile) -> bool:
    """Whether anything is other at all: cheap, and true of one column in a thousand by chance."""
    if not before.num_present or not after.num_present or not (before.is_exact and after.is_exact):
        return False
    square, degrees = _chi_squared(before, after)
    return square > chi_squared(degrees, CHANCE)


def _chi_squared(before: Profile, after: Profile) -> tuple[float, int]:
    """(chi squared of two samples in common cells, its degrees of freedom)."""
    was, now = tables(before, after)
    together = was + now
    expected = together * (now.sum() / together.sum())
    filled = together > 0
    square = float(((now - expected)[filled] ** 2 / expected[filled]).sum())
    return square * together.sum() / was.sum(), max(1, int(filled.sum()) - 1)


def _maps(
    before: Profile, after: Profile, is_leap: bool, rates: Floats
) -> Iterator[tuple[str, float, Values, Floats, float]]:
    """(code, parameter, the old values mapped, parts that may have been befallen, nats that choosing costs)."""
    old, whole = before.values.astype(np.float64), RATES[:1]
    for place, cut in ((-1, np.minimum), (0, np.maximum)):
        end = float(after.values[place])
        beyond = float(before.shares[old > end if place else old < end].sum())
        if MIN_TAIL <= beyond <= MOST_TAIL and after.shares[place] - before.shares[old == end].sum() >= MIN_PILE:
            yield "clipped", end, cut(old, end), whole, 1.0
    known = dict(zip(before.values.tolist(), before.shares.tolist(), strict=True))
    rises = after.shares - np.array([known.get(value, 0.0) for value in after.values.tolist()])
    top = int(np.argmax(rises))
    if rises[top] >= MIN_RISE:
        value = float(after.values[top])
        rate = float(rises[top]) / max(1e-9, 1 - known.get(after.values[top].item(), 0.0))
        yield "stuck", value, np.full(len(old), value), np.array([min(1.0, rate)]), 2.0
    was, now = before.shares_on_grids, after.shares_on_grids
    for place in np.flatnonzero((now >= ON_GRID) & (was < MOST_ON_GRID)).tolist():
        for turn in (np.round, np.floor):
            yield "rounded", float(GRIDS[place]), turn(old / GRIDS[place] + 1e-9) * GRIDS[place], whole, 1.0
    if not is_leap or gap(before, after) < MIN_GAP:
        return
    for factor, shift, _ in known_factors():
        yield "scale", factor, old * factor + shift, rates, 1.0
    for shift in _shifts(before, after):
        yield "offset", shift, old + shift, rates, 3.0
    for factor in _factors(before, after):
        yield "scale", factor, old * factor, rates, 4.0


def _met(values: Floats, before: Profile, after: Profile) -> Floats:
    """Mapped values, in whole numbers where the column's are; where one of the new values differs in its last digits
    alone, that one.
    """
    if before.kind == "integer":
        return np.asarray(np.round(values))
    places = np.minimum(len(after.values) - 1, np.searchsorted(after.values, values * (1 - 1e-12) - 1e-12))
    near = after.values[places]
    return np.asarray(np.where(np.abs(near - values) <= 1e-9 * np.maximum(1e-3, np.abs(values)), near, values))


def _shifts(before: Profile, after: Profile) -> list[float]:
    """Constants that may have been added: by the middle, by mean and spread, and from frequent values to frequent ones
    that are new."""
    (mean, spread), (there, width) = before.moments, after.moments
    moved = there - mean
    if not max(abs(mean), spread, abs(there), width) < FAR:
        return []
    found = {float(after.quantile(0.5)) - float(before.quantile(0.5)), moved}
    if moved:
        found.add((max(0.0, width**2 - spread**2) + moved**2) / moved)
    old, new = _tops(before, after)
    found |= {float(f"{one:.6g}") for one in np.subtract.outer(new, old).ravel().tolist()}
    return sorted(one for one in found if abs(one) > 0.3 * spread)


def _factors(before: Profile, after: Profile) -> list[float]:
    """Factors that nobody knows: by the mean, by the spread, and from frequent values to frequent ones that are new."""
    (mean, spread), (there, width) = before.moments, after.moments
    found = {there / mean if mean else 0.0, width / spread if spread else 0.0}
    old, new = _tops(before, after)
    found |= set(np.divide.outer(new, old[old != 0]).ravel().tolist())
    return sorted(one for one in found if one > 0 and not 0.8 < one < 1.25)


def _tops(before: Profile, after: Profile) -> tuple[Floats, Floats]:
    """The most frequent values before, and of those that are new; none where each came once."""
    new = after.only(after.unseen(before))
    if not len(new.values) or new.num_present < 2 * len(new.values):
        return np.zeros(0), np.zeros(0)
    old, fresh = (one.values[np.argsort(-one.counts, kind="stable")[:TOP]] for one in (before, new))
    return old.astype(np.float64), fresh.astype(np.float64)
