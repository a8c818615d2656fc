"""shadow, epsilon_greedy, ucb1 and thompson: by hand, and what they refuse."""

import pytest

from headrace.errors import InvalidInput
from headrace.routing import Tally, Traffic
from headrace.routing.floors import floored
from headrace.routing.policies.epsilon_greedy import EpsilonGreedy
from headrace.routing.policies.shadow import Shadow
from headrace.routing.policies.thompson import Thompson
from headrace.routing.policies.ucb1 import Ucb1
from headrace.testing.policy_cases import PolicyCases

WON = {"all": {1: Tally.of([0.0] * 30 + [1.0] * 10), 2: Tally.of([1.0] * 30 + [0.0] * 10), 3: Tally.of([0.0] * 40)}}


class TestEpsilonGreedy(PolicyCases):
    """The suite, with shares that are no round number of cells."""

    @pytest.fixture
    def policy(self):
        """A seventh for trying."""
        return EpsilonGreedy(epsilon=1 / 7, floor=0.003, control=1 / 9)


class TestThompson(PolicyCases):
    """The suite, without floors."""

    @pytest.fixture
    def policy(self):
        """Nothing is kept for a version that surely loses."""
        return Thompson(floor=0.0, control=0.0)


def test_epsilon_greedy_by_hand():
    """The best has all but epsilon, which all share."""
    table = EpsilonGreedy(epsilon=0.3, floor=0.0, control=0.0).tables(Traffic((1, 2, 3), 1, rewards=WON), 0)["all"]
    assert table == pytest.approx({1: 0.1, 2: 0.8, 3: 0.1})


def test_ucb1_by_hand():
    """The highest bound has all that the floors leave."""
    table = Ucb1(floor=0.05, control=0.2).tables(Traffic((1, 2, 3), 1, rewards=WON), 0)["all"]
    assert table == pytest.approx({1: 0.2, 2: 0.75, 3: 0.05})


def test_a_version_that_earned_nothing_yet_is_tried():
    """By all that learn: no version starves."""
    rewards = {"all": {1: Tally.of([1.0] * 1000)}}
    for policy in (EpsilonGreedy(), Ucb1(), Thompson()):
        assert policy.tables(Traffic((1, 2), 1, rewards=rewards), 0)["all"][2] > 0.009


def test_floors_hold_whatever_was_learned():
    """Each version keeps its floor, the champion its control, and all of it adds up."""
    rewards = {"all": {1: Tally.of([0.0] * 5000), 2: Tally.of([1.0] * 5000), 3: Tally.of([0.0] * 5000)}}
    for policy in (EpsilonGreedy(0.0, 0.02, 0.1), Ucb1(2.0, 0.02, 0.1), Thompson(0.02, 0.1)):
        table = policy.tables(Traffic((1, 2, 3), 1, rewards=rewards), 0)["all"]
        assert table == pytest.approx({1: 0.1, 2: 0.88, 3: 0.02}, abs=1e-6)
    assert floored({1: 1.0, 2: 1.0, 3: 1.0}, 1, floor=0.9, control=0.0) == pytest.approx(
        dict.fromkeys((1, 2, 3), 1 / 3)
    )
    assert floored({1: 0.0, 2: 1.0}, 1, floor=0.0, control=1.0) == {1: 1.0, 2: 0.0}


def test_segments_learn_apart():
    """Each from its own rewards."""
    rewards = {"a": {1: Tally.of([1.0] * 50), 2: Tally.of([0.0] * 50)}}
    rewards["b"] = {1: Tally.of([0.0] * 50), 2: Tally.of([1.0] * 50)}
    tables = Thompson().tables(Traffic((1, 2), 1, ("a", "b"), rewards), 0)
    assert tables["a"][1] > 0.98 and tables["b"][2] > 0.94


def test_a_shadow_answers_nobody():
    """The newest version after the champion, and only then."""
    assert Shadow().shadows(Traffic((1, 2, 3), 2)) == (3,)
    assert Shadow().shadows(Traffic((1, 2), 2)) == ()
    assert Shadow().tables(Traffic((1, 2), 1), 0) == {"all": {1: 1.0}}


@pytest.mark.parametrize("bad", [-0.1, 1.5, True, "a", None, float("nan")])
@pytest.mark.parametrize("name", ["floor", "control"])
def test_bad_shares(name, bad):
    """Shares are numbers from 0 to 1."""
    for cls in (EpsilonGreedy, Ucb1, Thompson):
        with pytest.raises(InvalidInput, match=name):
            cls(**{name: bad})
    with pytest.raises(InvalidInput, match="epsilon"):
        EpsilonGreedy(epsilon=bad)
    if bad != 1.5:
        with pytest.raises(InvalidInput, match="width"):
            Ucb1(width=bad)
