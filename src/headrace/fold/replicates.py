"""Poisson bootstrap weights: how often each row counts in each replicate, from its row id alone.

A replicate drawn from a keyed hash of the row id is the same in any order, on any engine, and for both of two models
compared on the same rows, so their difference has a paired interval.
"""

from __future__ import annotations

import functools
from math import factorial

import numpy as np
import numpy.typing as npt

from headrace.fold.kernels.native import library, pointer

__all__ = ["poisson_counts"]

_GOLDEN = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


@functools.cache
def _thresholds() -> npt.NDArray[np.uint64]:
    """P(count <= k) of Poisson(1) in units of 2^-64, k = 0, 1, ...; integers, so the same on every machine."""
    one = 1 << 160
    inverse_e = sum((-1) ** k * one // factorial(k) for k in range(60))
    cumulated, found = 0, []
    for k in range(20):
        cumulated += inverse_e // factorial(k)
        found.append(min(cumulated >> 96, _WORD))
    return np.array(found, np.uint64)


def poisson_counts(row_id: npt.NDArray[np.uint64], replicate: int, seed: int) -> npt.NDArray[np.uint8]:
    """Times each row counts in a replicate: Poisson(1), uint8[num_rows], at most 20.

    Parameters
    ----------
    row_id : uint64[num_rows]
        Equal ids draw equally.
    replicate : int
        From 1; every replicate draws anew.
    seed : int
        Another seed, another bootstrap.

    Cost: about 4 ns a row.

    >>> poisson_counts(np.arange(8, dtype=np.uint64), 1, 0).shape
    (8,)

    Source: Chamandy et al., "Estimating uncertainty for massive data streams" (2012).
    """
    salt = _mix(np.array([(seed * _GOLDEN + replicate) & _WORD], np.uint64))
    native = library()
    if native is not None:
        row_id = np.ascontiguousarray(row_id, np.uint64)
        thresholds, counts = _thresholds(), np.empty(len(row_id), np.uint8)
        limits = pointer(thresholds), len(thresholds)
        native.hr_poisson_counts(pointer(row_id), len(row_id), int(salt[0]), *limits, pointer(counts))
        return counts
    # Two rounds: with one, replicates of consecutive ids are too alike and the sums of counts too narrow.
    drawn = _mix(_mix(row_id ^ salt) + np.uint64(_GOLDEN))
    return np.searchsorted(_thresholds(), drawn, side="right").astype(np.uint8)
