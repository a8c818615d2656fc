"""Categories under new names: which old one is which new one, as far as their shares tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace.validation._distances import share_noise
from headrace.validation._profile import Profile
from headrace.validation._signature import shown

__all__ = ["Renaming", "renaming"]

MAX_VALUES = 200
MOST_APART = 0.08  # half the sum of the differences of shares, of all rows
SHOWN = 4
MIN_ROWS_EACH = 15


@dataclass(frozen=True)
class Renaming:
    """A one to one renaming.

    Parameters
    ----------
    pairs : tuple of (old, new)
        Those that shares tell apart beyond chance, the most frequent first.
    num_values : int
        All renamed.
    """

    pairs: tuple[tuple[object, object], ...]
    num_values: int

    @property
    def words(self) -> str:
        """As a person reads it: "'AA' -> 'C01', 'UA' -> 'C02'; 3 more are too alike in number to tell apart"."""
        told = ", ".join(f"{shown(old)} -> {shown(new)}" for old, new in self.pairs[:SHOWN])
        more = len(self.pairs) - SHOWN
        told += f" and {more} more" if more > 0 else ""
        alike = self.num_values - len(self.pairs)
        return told + (f"; {alike} are too alike in number to tell apart" if alike and told else "")


def renaming(before: Profile, after: Profile) -> Renaming | None:
    """The renaming that turned values that are gone into values never seen; None where shares do not fit one to one.

    As many values must have gone as came, each new one as frequent as an old one. Values of equal frequency cannot be
    told apart, and are not.
    """
    if not before.is_exact or not after.is_exact or max(len(before.values), len(after.values)) > MAX_VALUES:
        return None
    unseen, gone = after.unseen(before), before.unseen(after)
    if abs(int(unseen.sum()) - int(gone.sum())) > max(0, int(gone.sum()) // 10) or int(unseen.sum()) < 2:
        return None
    new, old = _by_count(after, unseen), _by_count(before, gone)
    num = min(len(new), len(old))
    # Values that come a few times each are as frequent as any others of that sort: nothing could be told by shares.
    if sum(count for _, count in new) < MIN_ROWS_EACH * num or before.expected_unseen > 0.02:
        return None
    p = np.array([count for _, count in old[:num]]) / before.num_present
    q = np.array([count for _, count in new[:num]]) / after.num_present
    apart = np.abs(p - q)
    noise = np.array([_noise(before, after, share) for share in p.tolist()])
    if float(apart.sum()) / 2 > max(MOST_APART, float(noise.sum()) / 2) or (apart > np.maximum(noise, 0.25 * p)).any():
        return None
    clear = np.ones(num, np.bool_)
    for shares in (p, q):
        close = -np.diff(shares) <= noise[:-1]
        clear[:-1] &= ~close
        clear[1:] &= ~close
    pairs = tuple((old[place][0], new[place][0]) for place in np.flatnonzero(clear).tolist())
    return Renaming(pairs, num)


def _by_count(profile: Profile, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[object, int]]:
    pairs = zip(profile.values[kept].tolist(), profile.counts[kept].tolist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _noise(before: Profile, after: Profile, share: float) -> float:
    counts = round(share * before.num_present), round(share * after.num_present)
    return share_noise(counts[0], before.num_present, counts[1], after.num_present, 1e-3)
