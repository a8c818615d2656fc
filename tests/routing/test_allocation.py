"""The allocation table: exact, sticky, the same everywhere."""

import hashlib
import json
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.routing import Allocation, Policy, Traffic, allocate, shares
from headrace.routing.allocation import NUM_CELLS

_SETTINGS = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@st.composite
def tables(draw):
    """Probabilities whose exact sum rounds to 1.0, tiny and zero ones among them."""
    weights = draw(st.lists(st.one_of(st.just(0), st.integers(1, 10**9), st.just(1)), min_size=1, max_size=8))
    if not sum(weights):
        weights[0] = 1
    shares = [weight / sum(weights) for weight in weights]
    largest = max(range(len(shares)), key=shares.__getitem__)
    shares[largest] = float(1 - sum(Fraction(s) for i, s in enumerate(shares) if i != largest))
    return dict(enumerate(shares, start=1))


@_SETTINGS
@given(tables())
def test_rounding_keeps_the_sum_and_the_shares(table):
    """Cells add up to 2^32, and no share is off by a cell or more; who has nothing gets nothing."""
    assume(math.fsum(table.values()) == 1.0)
    made = Allocation.of(table, salt="s")
    assert sum(made.cells) == NUM_CELLS
    for version, share in table.items():
        assert abs(made.probability(version) - share) < 2.0**-32 + 1e-16
        assert share > 0 or made.probability(version) == 0.0


@_SETTINGS
@given(tables(), st.lists(st.text(max_size=30), max_size=20), st.text(max_size=10))
def test_one_by_one_is_all_at_once(table, ids, salt):
    """A server's choice is the replay's, and both are BLAKE2's, as anybody can compute it."""
    assume(math.fsum(table.values()) == 1.0)
    made = Allocation.of(table, salt=salt)
    units = pa.array(ids, pa.string())
    chosen = made.choose_all(units).tolist()
    assert [made.choose(unit).version for unit in ids] == chosen
    key = hashlib.blake2b(salt.encode("utf-8", "surrogatepass")).digest()
    digests = [hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), key=key, digest_size=4) for unit in ids]
    draws = [int.from_bytes(one.digest(), "little") for one in digests]
    ends = np.cumsum(made.cells)
    assert [made.versions[int(np.searchsorted(ends, draw, side="right"))] for draw in draws] == chosen


def test_propensity_is_the_share_of_cells():
    """What is logged beside a choice is the exact probability of that choice."""
    made = Allocation("s", (1, 2), (NUM_CELLS - 1, 1))
    assert made.choose("x").propensity == (NUM_CELLS - 1) / NUM_CELLS
    assert made.probability(2) == 2.0**-32 and made.probability(3) == 0.0


def test_golden_choices():
    """Decisions of long ago can be replayed: these never change."""
    made = Allocation.of({1: 0.5, 2: 0.3, 4: 0.2}, salt="late")
    chosen = [made.choose(f"user-{number}").version for number in range(20)]
    assert chosen == GOLDEN
    again = Allocation.from_plain(json.loads(json.dumps(made.to_plain())))
    assert again == made and [again.choose(f"user-{number}").version for number in range(20)] == GOLDEN


GOLDEN = [2, 1, 1, 2, 1, 2, 2, 1, 1, 4, 1, 1, 2, 1, 1, 1, 1, 4, 4, 4]


def test_another_process_decides_alike():
    """Not by Python's hash, which differs from process to process."""
    code = (
        "from headrace.routing import Allocation\n"
        "made = Allocation.of({1: 0.5, 2: 0.5}, salt='late')\n"
        "print([made.choose(f'user-{number}').version for number in range(40)])"
    )
    made = Allocation.of({1: 0.5, 2: 0.5}, salt="late")
    expected = str([made.choose(f"user-{number}").version for number in range(40)])
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


def test_salts_are_independent():
    """A unit's place under one salt says nothing of its place under another."""
    units = pa.array([f"user-{number}" for number in range(4_000)])
    one, other = (Allocation.of({1: 0.5, 2: 0.5}, salt=salt).choose_all(units) for salt in ("a", "b"))
    assert abs(float((one == other).mean()) - 0.5) < 0.04


@pytest.mark.parametrize(
    "table", [{}, {1: 0.5}, {1: 0.5, 2: 0.6}, {1: -0.5, 2: 1.5}, {1: float("nan")}, {1: 1.0, 2: float("inf")}]
)
def test_bad_tables(table):
    """No version, or probabilities that are none, are refused."""
    with pytest.raises(InvalidInput, match=r"no version|probabilities"):
        Allocation.of(table, salt="s")


@pytest.mark.parametrize(("versions", "cells"), [((1,), (5,)), ((2, 1), (1, NUM_CELLS - 1)), ((1, 2), (NUM_CELLS,))])
def test_bad_records(versions, cells):
    """A record that was damaged is no table."""
    with pytest.raises(InvalidInput, match="cells"):
        Allocation("s", versions, cells)


def test_bad_ids():
    """A replay without ids says so."""
    made = Allocation.of({1: 1.0}, salt="s")
    for units in (pa.array([1, 2]), pa.array(["a", None])):
        with pytest.raises(InvalidInput, match="unit ids"):
            made.choose_all(units)


@_SETTINGS
@given(st.dictionaries(st.integers(1, 99), st.floats(0.0, 1e300), min_size=1, max_size=20))
def test_shares_add_up(weights):
    """Whatever the weights, the probabilities add up exactly, are in proportion, and are taken as they are."""
    assume(any(weights.values()))
    found = shares(weights)
    assert sum(Fraction(share) for share in found.values()) == 1
    total = sum(Fraction(weight) for weight in weights.values())
    for version, weight in weights.items():
        assert abs(Fraction(found[version]) - Fraction(weight) / total) < Fraction(1, NUM_CELLS)
    made = Allocation.of(found, salt="s")
    assert {version: made.probability(version) for version in found} == found


@pytest.mark.parametrize("weights", [{}, {1: 0.0}, {1: -1.0, 2: 2.0}, {1: float("nan")}, {1: float("inf")}])
def test_bad_weights(weights):
    """Nothing to be in proportion to is refused."""
    with pytest.raises(InvalidInput, match="weights"):
        shares(weights)


class Wrong(Policy):
    """Says what it is told to say."""

    def __init__(self, answer):
        self.answer = answer

    def tables(self, traffic, now_us):
        """The answer."""
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "made tables for"),
        ({"all": {1: 0.5, 3: 0.5}}, "version 3"),
        ({"all": {1: 0.9}}, "Wrong, segment 'all'"),
        ({"all": {}}, "no version"),
    ],
)
def test_a_policy_is_held_to_its_contract(answer, message):
    """What a policy says is checked before it is published."""
    with pytest.raises(InvalidInput, match=message):
        allocate(Wrong(answer), Traffic((1, 2), 1), 0, salt="s")


@pytest.mark.parametrize(
    ("versions", "champion", "segments"),
    [((2, 1), 1, ("all",)), ((1, 1), 1, ("all",)), ((0, 1), 1, ("all",)), ((1, 2), 3, ("all",)), ((1,), None, ("all",)),
     ((), 1, ("all",)), ((1,), 1, ()), ((1,), 1, ("a", "a"))],
)  # fmt: skip
def test_traffic_fits_together(versions, champion, segments):
    """Versions ascend, the champion is one of them, segments are told apart."""
    with pytest.raises(InvalidInput, match="Traffic"):
        Traffic(versions, champion, segments)
