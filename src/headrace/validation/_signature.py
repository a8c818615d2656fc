"""What a signature is: the mark that a fault of one kind leaves on a column's values.

A signature looks at a change, in all rows or in one slice, and answers with a `Sign` or None. It need not know what is
usual: the same question is asked of each earlier span among the others, and what earlier spans show of themselves is
no fault (`headrace.validation._search`). A new kind of fault is one new file in `validation/signatures/`.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np

from headrace.validation._cells import Cell
from headrace.validation._distances import gap, gap_noise, wasserstein
from headrace.validation._maps import Likeliest, differ, dispersion, likeliest
from headrace.validation._profile import Profile, Values, pool

__all__ = [
    "FEW",
    "MOST_ROWS",
    "RARE",
    "Change",
    "Sign",
    "Signature",
    "dispersion_of",
    "medians",
    "percent",
    "plain",
    "renamed",
    "shown",
]

FEW = 30  # rows; with fewer a distribution has no shape to speak of
LEAP = 3.0
ALIKE = 1e-3
NEAR_GAP = 0.1
NULLS = 0.1
MOST_ROWS = 5000  # in a span: among more there is a slice for every change of nature, and shapes tell what matters
MIN_SPANS, MANY = 5, 100  # to know how a slice and the others go together
APART, STRETCHED = 0.7, 1.7  # standard deviations, times
RARE = 0.02
NEARLY_ALL_MOVED = 0.9  # the few others happen to look like old ones


@dataclass(frozen=True, eq=False)
class Change:
    """One column in one slice (or in all rows), before and after.

    Parameters
    ----------
    history : tuple of Profile
        Each earlier span.
    before : Profile
        All of them.
    latest : Profile
        The newest of them that has rows.
    after : Profile
        The new span.
    everywhere : Profile
        All earlier spans, in all slices.
    walk : tuple of Profile
        The spans whose steps, from one to the next, are what is usual.
    is_all : bool
        Whether these are all rows, not a slice.
    fell : float
        Of the rows that a slice was to have, by its share before, those that it lacks, 0..1; 1 where nothing is known.
    around : Cell or None
        The rows that a slice is cut from; None for all rows, and where earlier spans are compared with each other.
    """

    history: tuple[Profile, ...]
    before: Profile
    latest: Profile
    after: Profile
    everywhere: Profile
    walk: tuple[Profile, ...]
    is_all: bool
    fell: float = 1.0
    around: Cell | None = None

    @functools.cached_property
    def gap(self) -> float:
        """The largest difference of the distribution functions of latest and after, 0..1; 0 where that is chance."""
        if not self.latest.num_present or not self.after.num_present:
            return 0.0
        found = gap(self.latest, self.after)
        return found if found > gap_noise(self.latest, self.after) else 0.0

    @functools.cached_property
    def step(self) -> float | None:
        """The farthest that one span lay from the span before it (Wasserstein-1); None where too few are known."""
        steps = [wasserstein(*pair) for pair in pairwise(self.walk)] if self.before.is_number else []
        return max(steps) if len(steps) >= 2 else None

    @functools.cached_property
    def is_leap(self) -> bool:
        """Whether numbers moved much farther than from any earlier span to the next: seasons walk, faults leap."""
        return self.step is None or wasserstein(self.latest, self.after) >= LEAP * self.step

    @functools.cached_property
    def likeliest(self) -> Likeliest | None:
        """The map that made the rows what they are: in a slice that was like the others beside these now, else beside
        all earlier spans, or beside the last. Where earlier spans are alike, any distance is a leap; where many values
        went missing, those that are left are no sample of what was.
        """
        rise = self.after.share_missing - self.before.share_missing
        if not self.before.is_number or rise > NULLS or self.has_many or not differ(self.before, self.after):
            return None
        by_nature = self.dispersion
        is_known = self.others is not None and len(self.history) >= MIN_SPANS and self.after.num_present >= MANY
        if not self.is_still and is_known and self.others is not None:
            rest_before, rest_after = self.others
            if _is_far(rest_after, self.after) and all(map(_are_alike, self.history, rest_before)):
                found = likeliest(rest_after, self.after, is_leap=True, is_whole=True, dispersion=by_nature)
                if found is not None and found.code in ("offset", "scale"):
                    return replace(found, is_beside=True)
        is_leap = self.is_still or self.is_leap
        found = likeliest(self.before, self.after, is_leap=is_leap, is_whole=not self.is_still, dispersion=by_nature)
        if found is None and len(self.history) > 1 and not self.is_still:
            found = likeliest(self.latest, self.after, is_leap=is_leap, is_whole=True, dispersion=by_nature)
        return found

    @property
    def has_many(self) -> bool:
        """Whether spans have so many rows that likelihood alone proves nothing."""
        return self.everywhere.num_rows > MOST_ROWS * len(self.history)

    @functools.cached_property
    def dispersion(self) -> float:
        """How many times as far as chance earlier spans lie from each other, or the rows around a slice from before."""
        found = dispersion_of(self.history)
        rest = _rest(self.around, self.before, self.after) if self.around is not None else None
        return found if rest is None else max(found, dispersion([rest]))

    @functools.cached_property
    def is_still(self) -> bool:
        """Whether earlier spans are alike, all rows and those of the slice: few rows alone would always seem so."""
        walks = [self.walk] + ([self.around.history] if self.around is not None else [])
        return all(
            len(one) > 1 and all(gap(*pair) <= gap_noise(*pair, ALIKE) for pair in pairwise(one)) for one in walks
        )

    @functools.cached_property
    def others(self) -> tuple[tuple[Profile, ...], Profile] | None:
        """The rows outside of a slice: in each span of `history`, and in the new one. What moves them too is a season.

        None in all rows, where a side has few rows, and where columns have more values than are counted.
        """
        if self.around is None or len(self.around.history) != len(self.history) or len(self.history) < 3:
            return None
        pairs = zip((*self.around.history, self.around.after), (*self.history, self.after), strict=True)
        rest = [whole.without(part) for whole, part in pairs]
        known = [one for one in rest if one is not None and one.num_present >= FEW]
        if len(known) < len(rest) or min(one.num_present for one in (*self.history, self.after)) < FEW:
            return None
        return tuple(known[:-1]), known[-1]

    def usual_rise(self, *, is_news: bool) -> float:
        """The most by which one value's share in an earlier span was above its share in the others.

        Timetables change. With `is_news` only values that were rare in the others are looked at.
        """
        if len(self.history) < 2 or not self.before.is_exact:
            return 0.0
        totals = dict(zip(self.before.values.tolist(), self.before.counts.tolist(), strict=True))
        most = 0.0
        for one in self.history:
            others = max(1, self.before.num_present - one.num_present)
            for value, count in zip(one.values.tolist(), one.counts.tolist(), strict=True):
                elsewhere = (totals[value] - count) / others
                if elsewhere < RARE or not is_news:
                    most = max(most, count / one.num_present - elsewhere)
        return most

    @property
    def has_few(self) -> bool:
        """Whether either side is too small for its shape to mean anything."""
        return min(self.before.num_present, self.after.num_present) < FEW


@dataclass(frozen=True, eq=False)
class Sign:
    """A fault's mark.

    Parameters
    ----------
    rate : float
        Of the slice's rows with a value those that it moved, 0..1; for nulls of all rows.
    value : float, int, str or None
        The factor, offset or value; for nulls the share now.
    words : str
        What happened, after "distance:": "values are 1.609 times what they were".
    is_plain : bool
        Whether it needs no history to be believed. Otherwise, with one earlier span alone, it is a warning: nothing is
        known of how spans differ by nature.
    noise : float
        What `rate` stays below by chance.
    detail : str
        Before and after in words: "median 1400 -> 2253".
    hint : str
        A guess at the cause: "kilometres instead of miles?".
    before, after : float, int, str or None
        What was typical and what is.
    touches : "nulls", "values", "listed" or "none"
        Which rows: those without a value, those with one, those with one of `listed`; none where rows are missing.
    listed : array or None
    size : float
        How far it goes, in the signature's own unit: what is usual is measured in rate times size, so that a
        mark far beyond the usual one stands out though both touch all rows.
    nats : float
        How much likelier the rows are under it than without; 0 where that was not asked.
    is_first : bool
        Whether it was held against each earlier span already, and none bore it.
    is_throughout : bool
        Whether likelihood says that it befell all the rows.
    is_measured : bool
        Whether it was held against what is usual already, because it is a mark of a slice among the others.
    """

    rate: float
    value: float | int | str | None
    words: str
    is_plain: bool
    noise: float = 0.0
    detail: str = ""
    hint: str = ""
    before: float | int | str | None = None
    after: float | int | str | None = None
    touches: Literal["nulls", "values", "listed", "none"] = "values"
    listed: Values | None = None
    size: float = 1.0
    is_measured: bool = False
    nats: float = 0.0
    is_first: bool = False
    is_throughout: bool = False

    @property
    def strength(self) -> float:
        """What is compared with the marks that earlier spans bear."""
        return self.rate * self.size


class Signature(ABC):
    """The contract: one method.

    `code` is the file's stem; an item's code is "drift_" and it. `rank` decides which of several signs of one cell is
    told: the lowest; those of rank 0 stand beside others. A sign below `min_rate` is no fault, but it is a measure of
    what is usual.
    """

    code: ClassVar[str]
    rank: ClassVar[int]
    min_rate: ClassVar[float]

    @abstractmethod
    def find(self, change: Change) -> Sign | None:
        """The mark this fault leaves, or None.

        Never raises for odd values: none, one, all equal.
        """


def dispersion_of(history: Sequence[Profile]) -> float:
    """`dispersion` of each earlier span beside the others; 1 where there is but one."""
    if len(history) < 2:
        return 1.0
    return dispersion((pool([*history[:place], *history[place + 1 :]]), one) for place, one in enumerate(history))


def _rest(around: Cell, before: Profile, after: Profile) -> tuple[Profile, Profile] | None:
    was, now = around.before.without(before), around.after.without(after)
    return None if was is None or now is None else (was, now)


def _are_alike(one: Profile, other: Profile) -> bool:
    return gap(one, other) <= max(NEAR_GAP, gap_noise(one, other))


def _is_far(one: Profile, other: Profile) -> bool:
    """Whether mean or spread are far from each other: cheap to ask."""
    (mean, spread), (there, width) = one.moments, other.moments
    return abs(there - mean) > APART * spread or width > STRETCHED * spread or spread > STRETCHED * width


def plain(value: Any) -> float | int | str | None:
    """A NumPy scalar as plain data."""
    if value is None or isinstance(value, str):
        return value
    number = value.item() if isinstance(value, np.generic) else value
    return None if number != number else number


def shown(value: Any) -> str:
    """A value as people write it: four digits of a float, a quoted text."""
    value = plain(value)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 and not value.is_integer() else f"{value:.10g}"
    return repr(value) if isinstance(value, str) else str(value)


def percent(share: float) -> str:
    """A share as people write it.

    >>> percent(1.0), percent(0.5), percent(0.0123)
    ('all', '50 % of', '1.2 % of')
    """
    return "all" if share == 1.0 else f"{_hundredths(share)} % of"


def _hundredths(share: float) -> str:
    return f"{100 * share:.3g}" if share >= 0.1 else f"{100 * share:.2g}"


def medians(before: Profile, after: Profile) -> str:
    """What was typical and what is, in words."""
    return f"median {shown(before.quantile(0.5))} -> {shown(after.quantile(0.5))}"


def renamed(change: Change, new: Profile, words: str, *, is_plain: bool) -> Sign:
    """The sign of values under other names: `new` are the rows that bear one."""
    before, after = change.before, change.after
    was = before.values[int(np.argmax(before.counts))]
    now = new.values[int(np.argmax(new.counts))]
    is_part = new.num_present < NEARLY_ALL_MOVED * after.num_present
    return Sign(
        new.num_present / after.num_present,
        None,
        words,
        is_plain,
        detail=f"{shown(was)} was most frequent, now {shown(now)}",
        hint="another convention?",
        before=plain(was),
        after=plain(now),
        touches="listed" if is_part else "values",
        listed=new.values if is_part else None,
    )
