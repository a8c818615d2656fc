"""The ledger: the same sums whatever the order, however often, whoever was told."""

import random

import pytest

from headrace.errors import InvalidInput
from headrace.routing import EndpointPolicy, Ledger

POLICY = EndpointPolicy("thompson", window_s=100.0)


def told(ledger, events):
    """Feed it."""
    for kind, *rest in events:
        (ledger.decide if kind == "decide" else ledger.reward)(*rest)
    return ledger


def some_events(seed, num=300):
    """Decisions and rewards, some early, late, missing, and told twice by two workers with other values."""
    draw = random.Random(seed)
    events = []
    for number in range(num):
        at = draw.randrange(1_000) * 1_000_000
        events.append(("decide", f"r{number}", draw.choice([1, 2]), draw.choice(["a", "b"]), at))
        for _ in range(draw.choice([0, 1, 1, 2])):
            events.append(("reward", f"r{number}", draw.choice([0.0, 0.3, 1.0]), at + draw.randrange(200) * 1_000_000))
    return events


@pytest.mark.parametrize("seed", range(10))
def test_no_order_can_be_seen(seed):
    """Shuffled logs, and the same log read twice, give the same bytes."""
    events = some_events(seed)
    first = told(Ledger(POLICY), events).to_bytes()
    for turn in range(5):
        random.Random(turn).shuffle(events)
        assert told(Ledger(POLICY), events).to_bytes() == first
    assert told(Ledger(POLICY), events + events).to_bytes() == first


def test_the_first_reward_counts():
    """Of two for one request the earlier, the smaller of those that came at once."""
    for rewards in ([(0.2, 5), (0.9, 4)], [(0.9, 4), (0.2, 5)]):
        ledger = Ledger(POLICY)
        ledger.decide("r", 1, "all", 0)
        for value, second in rewards:
            ledger.reward("r", value, second * 1_000_000)
        assert ledger.tallies()["all"][1].mean == pytest.approx(0.9)
        assert ledger.counts["repeated"] == 1
    for values in ((0.9, 0.2), (0.2, 0.9)):
        ledger = Ledger(POLICY)
        for value in values:
            ledger.reward("r", value, 7)
        ledger.decide("r", 1, "all", 0)
        assert ledger.tallies()["all"][1].mean == pytest.approx(0.2)


def test_late_and_missing():
    """After the window a reward is late; without one the declared reward stands, and nothing where none is declared."""
    for missing, expected in ((None, (0, 0)), (0.0, (1, 0.0)), (0.5, (1, 0.5))):
        ledger = Ledger(EndpointPolicy("thompson", window_s=10.0, missing=missing))
        ledger.decide("r", 1, "all", 0)
        ledger.reward("r", 1.0, 10_000_001)
        tally = ledger.tallies(11_000_000)["all"][1]
        assert (tally.num_rewarded, tally.total) == expected
        assert ledger.counts["late"] == 1
        ledger.reward("r", 1.0, 12_000_000)
        assert ledger.tallies(13_000_000)["all"][1] == tally
        assert ledger.counts["unmatched"] == 1


def test_memory_forgets():
    """With a memory only decisions of the last seconds count."""
    ledger = Ledger(EndpointPolicy("thompson", window_s=10.0, memory_s=64.0))
    for second in range(200):
        ledger.decide(f"r{second}", 1, "all", second * 1_000_000)
    assert 64 <= ledger.tallies(200_000_000)["all"][1].num_decided <= 66


def test_ranges_are_brought_to_one():
    """A reward of 5 in -10 to 10 is three quarters; one outside is refused."""
    ledger = Ledger(EndpointPolicy("thompson", reward_low=-10.0, reward_high=10.0))
    ledger.decide("r", 1, "all", 0)
    ledger.reward("r", 5.0, 1)
    assert ledger.tallies()["all"][1].mean == 0.75
    for bad in (11.0, float("nan"), float("-inf")):
        with pytest.raises(InvalidInput, match="reward"):
            ledger.reward("r", bad, 1)
