"""The conformance suite of policies: exact probabilities of known versions, the same for whoever asks."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from headrace import lookup
from headrace.engine import build, describe
from headrace.routing import Allocation, Policy, Tally, Traffic, allocate

__all__ = ["TRAFFIC", "PolicyCases", "chi_square_chance"]

_DAY_US = 86_400_000_000
_START_US = 1_760_000_000_000_000

_REWARDS = {
    "new": {3: Tally.of([0.0] * 900 + [1.0] * 100), 4: Tally.of([0.25] * 7), 9: Tally()},
    "returning": {3: Tally(num_decided=40), 9: Tally.of([1.0])},
}
# One version, two, many; the champion newest, oldest and between; one segment and several; rewards, few, many, none.
TRAFFIC = (
    Traffic((1,), 1),
    Traffic((7,), 7, ("EWR", "JFK", "LGA")),
    Traffic((1, 2), 1),
    Traffic((1, 2), 2),
    Traffic((3, 4, 9), 4, ("new", "returning")),
    Traffic(tuple(range(1, 31)), 11),
    Traffic((3, 4, 9), 4, ("new", "returning"), _REWARDS),
)


def chi_square_chance(statistic: float, num_free: int) -> float:
    """About how often chance alone gives a chi-square statistic this large: Wilson and Hilferty's cube root.

    >>> round(chi_square_chance(18.307, 10), 3)
    0.05
    """
    if num_free == 0:
        return 1.0
    spread = 2.0 / (9.0 * num_free)
    score = ((statistic / num_free) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(score / math.sqrt(2.0))


class PolicyCases:
    """Inherit in a test class; every policy that `headrace.lookup` finds then passes every case.

    For one policy, with parameters of your own:

    class TestCanary(PolicyCases):
        @pytest.fixture
        def policy(self):
            return Canary(share=0.25)
    """

    @pytest.fixture(params=lookup.names("policy"))
    def policy(self, request: pytest.FixtureRequest) -> Policy:
        """The policy under test; override to test one."""
        made: Policy = lookup.find("policy", request.param)()
        return made

    @pytest.fixture(params=TRAFFIC, ids=range(len(TRAFFIC)))
    def traffic(self, request: pytest.FixtureRequest) -> Traffic:
        """An endpoint."""
        found: Traffic = request.param
        return found

    @staticmethod
    def unit_ids(num_units: int = 20_000) -> pa.Array:
        """Ids as people have them: the same each time."""
        generator = np.random.default_rng(5)
        return pa.array([f"user-{number:x}" for number in generator.integers(0, 1 << 62, num_units)])

    def test_is_found_by_its_file_s_name(self, policy: Policy) -> None:
        """It has a docstring and defaults for its parameters, and is found by both names."""
        cls = type(policy)
        assert (cls.__doc__ or "").strip()
        assert isinstance(cls(), Policy)
        assert cls in [lookup.find("policy", name) for name in lookup.names("policy")]

    def test_it_travels(self, policy: Policy) -> None:
        """As plain data and back it is an equal policy: an endpoint's record can hold it."""
        again = build(json.loads(json.dumps(describe(policy))))
        assert again == policy and hash(again) == hash(policy)

    def test_probabilities_add_up(self, policy: Policy, traffic: Traffic) -> None:
        """Every segment has a table, of known versions alone, each from 0 to 1, whose exact sum rounds to 1.0."""
        for now_us in (_START_US, _START_US + 400 * _DAY_US):
            tables = policy.tables(traffic, now_us)
            assert set(tables) == set(traffic.segments)
            for table in tables.values():
                assert table and set(table) <= set(traffic.versions)
                assert all(0.0 <= share <= 1.0 for share in table.values())
                assert math.fsum(table.values()) == 1.0

    def test_the_same_question_has_one_answer(self, policy: Policy, traffic: Traffic) -> None:
        """Asked again, or another equal policy asked, and other moments asked about between: nothing is remembered."""
        first = {segment: dict(table) for segment, table in policy.tables(traffic, _START_US).items()}
        policy.tables(traffic, _START_US + _DAY_US)
        assert policy.tables(traffic, _START_US) == first
        assert build(describe(policy)).tables(traffic, _START_US) == first

    def test_no_version_no_traffic(self, policy: Policy) -> None:
        """Before the first push the tables are empty, not an error."""
        assert policy.tables(Traffic((), None, ("a", "b")), _START_US) == {"a": {}, "b": {}}

    def test_one_version_answers_everything(self, policy: Policy) -> None:
        """There is nobody else."""
        for table in policy.tables(Traffic((5,), 5, ("a", "b")), _START_US).values():
            assert {version: share for version, share in table.items() if share} == {5: 1.0}

    def test_units_are_spread_as_the_table_says(self, policy: Policy, traffic: Traffic) -> None:
        """Chi-square over 20,000 ids: spread worse than this by chance once in 10,000 times, and never a 0 share."""
        units = self.unit_ids()
        for table in allocate(policy, traffic, _START_US, salt="experiment").values():
            chosen = table.choose_all(units)
            shares = {version: table.probability(version) for version in table.versions if table.probability(version)}
            assert set(chosen.tolist()) <= set(shares)
            expected = np.array(list(shares.values())) * len(units)
            counts = np.array([(chosen == version).sum() for version in shares])
            statistic = float(((counts - expected) ** 2 / expected).sum())
            assert chi_square_chance(statistic, len(shares) - 1) > 1e-4, (shares, counts)

    def test_units_stay_where_they_are(self, policy: Policy, traffic: Traffic) -> None:
        """From one moment to the next, and when a version comes, no more units move than the boundaries did."""
        later = Traffic((*traffic.versions, traffic.versions[-1] + 1), traffic.champion, traffic.segments)
        units = self.unit_ids(2_000)
        for after, now_us in ((traffic, _START_US + 1_000_000), (later, _START_US)):
            ones = allocate(policy, traffic, _START_US, salt="s")
            others = allocate(policy, after, now_us, salt="s")
            for segment in traffic.segments:
                one, other = ones[segment], others[segment]
                moved = float((one.choose_all(units) != other.choose_all(units)).mean())
                assert one.moved(other) <= self._boundaries_moved(one, other) + 1e-9
                assert abs(moved - one.moved(other)) < 5.0 * math.sqrt(0.25 / len(units))
                if one.cells == other.cells and one.versions == other.versions:
                    assert moved == 0.0

    @staticmethod
    def _boundaries_moved(one: Allocation, other: Allocation) -> float:
        """By how much the boundaries between versions moved, together."""
        versions = sorted({*one.versions, *other.versions})
        before = np.cumsum([one.probability(version) for version in versions])
        after = np.cumsum([other.probability(version) for version in versions])
        return float(np.abs(before - after).sum())
