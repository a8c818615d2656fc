"""Compiled kernels and their NumPy twins: the same states to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.fold import Counts, DistinctCount, Distribution, Fold, Moments, Quantiles, Rows, encode, value_table
from headrace.fold.kernels import grouped
from headrace.fold.kernels.counters import WindowCounter
from headrace.fold.kernels.hashing import hash_array
from headrace.fold.kernels.native import library, without_native
from headrace.fold.text_patterns import pattern_array
from headrace.kinds import Kind
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws

pytestmark = pytest.mark.skipif(library() is None, reason="no compiled kernels here: the twins are all there is")

_KINDS: dict[str, Kind] = {"i": "integer", "x": "number", "t": "text", "b": "boolean", "w": "timestamp"}
_FOLDS: list[Fold[Any, Any]] = [
    *(Distribution(name, kind, limit) for name, kind in _KINDS.items() for limit in (65_536, 4)),
    *(Counts(name, kind) for name, kind in _KINDS.items()),
    *(DistinctCount(name, kind) for name, kind in _KINDS.items()),
    *(kind_of(name, kind) for name, kind in _KINDS.items() if kind != "text" for kind_of in (Moments, Quantiles)),
]


@pytest.fixture(scope="module")
def _counters_always() -> Iterator[None]:
    """Counters for the smallest batches too, for which they are not worth it."""
    few, value_table._FEW_ROWS = value_table._FEW_ROWS, 0
    yield
    value_table._FEW_ROWS = few


def _states(rows: Rows, num_groups: int, groups: Any) -> list[bytes]:
    states = []
    for fold in _FOLDS:
        state = fold.add(fold.create(num_groups), rows, groups)
        states.append(encode(fold, fold.add(state, rows, groups)))
    return states


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(data=st.data())
@pytest.mark.usefixtures("_counters_always")
def test_twins_give_the_same_bytes(data: st.DataObject) -> None:
    """Every fold of any rows, grouped or not, is the same with and without compiled kernels."""
    rows = data.draw(strategies.rows(_KINDS))
    drawn = st.lists(st.integers(-1, 2), min_size=rows.num_rows, max_size=rows.num_rows)
    for num_groups, groups in ((1, None), (3, np.array(data.draw(drawn), np.int32))):
        with without_native():
            twins = _states(rows, num_groups, groups)
        assert _states(rows, num_groups, groups) == twins


@pytest.mark.parametrize("kind", ["integer", "number", "text"])
def test_twins_agree_on_many_rows(kind: Kind) -> None:
    """Windows overflow, hash tables grow, dictionaries change, groups spill: still the same bytes."""
    rng = np.random.default_rng(6)
    numbers = np.concatenate(
        [rng.integers(0, 90, 20_000), rng.integers(-(10**5), 10**5, 20_000), rng.integers(-(2**62), 2**62, 9_000)]
    )
    rng.shuffle(numbers)
    nulls = rng.random(len(numbers)) < 0.1
    column = {
        "integer": pa.array(numbers, mask=nulls),
        "number": pa.array(np.ldexp(numbers.astype(float), -(numbers % 70)), mask=nulls),
        "text": pa.array([str(item) for item in numbers], mask=nulls),
    }[kind]
    groups = rng.integers(0, 40, len(numbers)).astype(np.int32)

    def states() -> list[bytes]:
        found = []
        for fold in (Distribution("x", kind), Distribution("x", kind, 2_000), Counts("x", kind)):
            for by in (None, groups):
                state = fold.create(1 if by is None else 40)
                for first in range(0, len(numbers), 7_001):
                    batch = pa.record_batch({"x": column.slice(first, 7_001)})
                    state = fold.add(state, Rows(batch), None if by is None else by[first : first + 7_001])
                found.append(encode(fold, state))
        return found

    with without_native():
        twins = states()
    assert states() == twins


def _extreme_floats() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Every exponent and sign, denormals, zeros of both signs, what is not finite, runs of one exponent."""
    rng = np.random.default_rng(8)
    anything = rng.integers(-(2**63), 2**63 - 1, 6_000).view(np.float64)
    dense = rng.normal(0, 1, 9_001)
    tiny = rng.integers(0, 2**54, 3_000).view(np.float64)
    odd = np.tile([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1.7976931348623157e308], 50)
    full = np.full(4_500, np.nextafter(2.0, 0))  # all 53 bits set: the largest sums a block can have
    return np.concatenate([anything, dense, -dense, tiny, odd, full, -full])


@pytest.mark.parametrize(
    "values",
    [
        _extreme_floats(),
        np.arange(9_000),
        -np.arange(9_000) * 10**9,
        np.full(9_000, 2**52 - 1),
        np.full(9_000, 2**52),
        np.array([2**63 - 1, -(2**63), 0, 1] * 2_000),
        np.zeros(5_000, np.int64),
    ],
    ids=["floats", "ascending", "negative", "52 bits", "53 bits", "ends", "zeros"],
)
def test_wide_kernels_are_exact(values: np.ndarray[Any, Any]) -> None:
    """Blocks of values, whatever their exponents and wherever bitmaps start, add up to what each alone does."""
    kind: Kind = "number" if values.dtype == np.float64 else "integer"
    column = pa.array(values, mask=np.arange(len(values)) % 11 == 3).slice(5)
    folds: list[Fold[Any, Any]] = [Moments("x", kind), Quantiles("x", kind), DistinctCount("x", kind)]

    def states() -> list[bytes]:
        batches = [Rows(pa.record_batch({"x": column.slice(first, 6_007)})) for first in range(0, len(column), 6_007)]
        found = []
        for fold in folds:
            state = fold.create(1)
            for rows in batches:
                state = fold.add(state, rows, None)
            found.append(encode(fold, state))
        return found

    with without_native():
        twins = states()
    assert states() == twins


def test_windows_in_steps_are_exact() -> None:
    """Whatever the step, and at both ends of int64, a window counts its own multiples and puts the others aside."""
    rng, native = np.random.default_rng(4), library()
    for turn in range(200):
        step = int(rng.integers(1, 2 ** int(rng.integers(1, 46))))
        near = (-(2**63), 2**63 - 1, 0, int(rng.integers(-(2**63), 2**63 - 1)))[turn % 4]
        window = WindowCounter(near, step)
        first = window._base
        inside = first + rng.integers(0, 1 << 16, 40) * step
        beside = np.array([min(max(int(x) + int(by), -(2**63)), 2**63 - 1) for x in inside for by in (-2, 1)])
        ends = np.array([first, first + ((1 << 16) - 1) * step])
        values = np.concatenate([inside, beside, ends, rng.integers(-(2**63), 2**63 - 1, 20)])
        outside = window.add(native, values, (0, 0, None))
        found = window.take()
        expected = Counter(x for x in values.tolist() if 0 <= x - first < (step << 16) and (x - first) % step == 0)
        assert dict(zip(found.values.tolist(), found.counts.tolist(), strict=True)) == expected
        assert Counter(outside.tolist()) == Counter(values.tolist()) - expected


def test_timestamps_of_whole_hours_are_counted_in_a_window() -> None:
    """Their step is found, so that they need no hash table; a stray one and nulls over garbage change nothing."""
    hours = np.arange(20_000) % 8_000 * 3_600_000_000 + 10**15
    hours[77] += 1
    garbage = np.where(np.arange(20_000) % 5 == 0, 2**62 + np.arange(20_000), hours)
    column = pa.array(garbage, mask=np.arange(20_000) % 5 == 0).cast(pa.timestamp("us"))
    fold = Distribution("w", "timestamp")
    state = fold.add(fold.create(1), Rows(pa.record_batch({"w": column})), None)
    assert state.table._keys is not None and len(state.table._keys) == 1
    with without_native():
        twin = fold.add(fold.create(1), Rows(pa.record_batch({"w": column})), None)
    assert encode(fold, state) == encode(fold, twin)


@pytest.mark.parametrize("most_slots", [64, 1 << 22])
def test_counts_by_group_flush_and_grow(monkeypatch: pytest.MonkeyPatch, most_slots: int) -> None:
    """Groups of one row and of thousands, full tables, narrow columns, dictionaries, nulls, values beyond 32 bits."""
    monkeypatch.setattr(grouped, "_MAX_SLOTS", most_slots)
    rng, number = np.random.default_rng(5), 9_000
    groups = np.minimum(rng.geometric(0.002, number), 700).astype(np.int32)
    nulls = rng.random(number) < 0.2
    narrow = pa.array(rng.integers(-128, 128, number).astype(np.int8), mask=nulls)
    wide = np.where(
        rng.random(number) < 0.1, rng.integers(-(2**62), 2**62, number), rng.integers(-(2**31), 2**31, number)
    )
    ends = pa.array(np.where(np.arange(number) % 3 == 0, -(2**31), 2**31 - 1), mask=nulls)
    words = pa.array([None if gone else f"w{at % 900}" for at, gone in enumerate(nulls)])
    rows = pa.record_batch({"a": narrow, "b": pa.array(wide), "c": ends, "d": words.dictionary_encode()})
    for name in rows.schema.names:
        fold = Distribution(name, "text" if name == "d" else "integer")

        def state(fold: Distribution = fold) -> bytes:
            found = fold.create(701)
            for first in range(0, number, 3_500):
                found = fold.add(found, Rows(rows.slice(first, 3_500)), groups[first : first + 3_500])
            return encode(fold, found)

        with without_native():
            twin = state()
        assert state() == twin


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5])
def test_a_group_that_has_nearly_all_values_finds_room(share: float) -> None:
    """One table that grows beyond all others together, whatever they take, and values that no table takes."""
    rng, number = np.random.default_rng(6), 40_000
    groups = (rng.random(number) < share).astype(np.int32)
    values = np.where(rng.random(number) < 0.01, 2**40, rng.permutation(number))
    fold, rows = Distribution("a", "integer"), Rows(pa.record_batch({"a": values}))
    state = fold.add(fold.create(2), rows, groups)
    with without_native():
        twin = fold.add(fold.create(2), rows, groups)
    assert encode(fold, state) == encode(fold, twin)


def test_texts_of_every_length() -> None:
    """Hashes and patterns of texts of 0 to 80 bytes, of very long ones, of any alphabet and of bytes that are none."""
    texts = [b"x1-Y" * 20, *(("aZ9 \u00fc\u20ac" * 20).encode()[:size] for size in range(81)), b"q" * 1024, b"q" * 1025]
    array = pa.array([b"left out", *texts, None, b"\xff\xc3"], pa.large_binary()).slice(1)
    with without_native():
        twins = hash_array(array).tolist(), pattern_array(array.drop_null()).to_pylist()
    assert (hash_array(array).tolist(), pattern_array(array.drop_null()).to_pylist()) == twins


class TestLawsWithoutNative(FoldLaws):
    """The laws on the twins alone (elsewhere they run on what is installed)."""

    folds = (Distribution("i", "integer", 5), Distribution("x", "number", 5), Distribution("t", "text", 5))
    rows = strategies.rows({"i": "integer", "x": "number", "t": "text"}, max_rows=12)

    @staticmethod
    def _folded(fold: Fold[Any, Any], rows: Rows, num_groups: int = 1, groups: Any = None) -> Any:
        with without_native():
            return FoldLaws._folded(fold, rows, num_groups, groups)
