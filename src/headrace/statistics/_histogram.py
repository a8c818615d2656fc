"""The histogram that statistics show: ten bins of equal width between the smallest and the largest value."""

from __future__ import annotations

import numpy as np

from headrace.fold import GroupDistribution

__all__ = ["histogram_of"]

NUM_BINS = 10


def histogram_of(one: GroupDistribution) -> tuple[tuple[float, float, float], ...]:
    """(low, high, count) of each bin, without its upper end but the last; one bin of equal values, () of none.

    Counts are whole numbers when the distribution is exact.
    """
    low, high = one.min, one.max
    if low is None:
        return ()
    if low == high:
        return ((low, high, one.num_finite),)
    shares = np.arange(NUM_BINS + 1) / NUM_BINS
    edges = float(low) * (1 - shares) + float(high) * shares  # high - low may be more than a float holds
    edges[0], edges[-1] = low, high
    counts: list[float] = one.histogram(edges.tolist()).tolist()
    if one.is_exact:
        counts = [int(count) for count in counts]
    return tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True))
