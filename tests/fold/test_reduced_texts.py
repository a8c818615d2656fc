"""Texts put in order with their counts: the same by whichever way, which a sample chooses."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from headrace.fold.kernels import entries
from headrace.fold.kernels.entries import Entries, reduce_entries


def texts(random: np.random.Generator, number: int, distinct: int) -> list[bytes]:
    """Of every sort: empty, of bytes above 127 and NUL, one the beginning of another."""
    return [b"\x00\xff a"[: n % 5] + str(n).encode() * (n % 3) for n in random.integers(0, distinct, number).tolist()]


@pytest.mark.parametrize("distinct", [3, 900, 10**9])
@pytest.mark.parametrize("sizes", [(1,), (5_000,), (4_096, 3, 9_000), (20_000, 20_000)])
def test_either_way_gives_the_same(distinct, sizes, monkeypatch):
    """Values, counts and offsets to the byte, and those that a dictionary of Python counts."""
    random = np.random.default_rng(distinct)
    parts, counted = [], Counter()
    for size in sizes:
        values, counts = texts(random, size, distinct), random.integers(1, 5, size)
        for value, count in zip(values, counts.tolist(), strict=True):
            counted[value] += count
        parts.append(Entries(None, pa.array(values, pa.large_binary()), counts))
    found = []
    for is_distinct in (True, False):
        monkeypatch.setattr(entries, "_are_mostly_distinct", lambda _, said=is_distinct: said)
        offsets, values, sums = reduce_entries(parts, 1)
        found.append((offsets.tolist(), values.to_pylist(), sums.tolist()))
    assert found[0] == found[1]
    assert found[0][1] == sorted(counted)
    assert dict(zip(found[0][1], found[0][2], strict=True)) == counted
    assert found[0][0] == [0, len(counted)]


def test_the_sample_tells_which():
    """Distinct texts are; texts of which each comes ten times are not; few are never asked."""
    random = np.random.default_rng(1)
    places = random.permutation(100_000)
    assert entries._are_mostly_distinct(pa.array(places.astype(str).tolist(), pa.large_binary()))
    assert not entries._are_mostly_distinct(pa.array((places % 10_000).astype(str).tolist(), pa.large_binary()))
    assert not entries._are_mostly_distinct(pa.array([b"a"], pa.large_binary()))
