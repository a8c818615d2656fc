"""The guardrail: what fails is out, what does not stays, however often one looks."""

import numpy as np
import pytest

from headrace.routing import EndpointPolicy, Tally
from headrace.routing.guardrail import Counts, Guardrail, is_surely_worse


def counts(num, failed=0, malformed=0, octave=17):
    """Requests that all took about 2^octave nanoseconds."""
    busy = [0] * 40
    busy[octave] = num - failed
    return Counts(num, failed, malformed, tuple(busy))


def judge(*told, tallies=None, **limits):
    """What is out after one second of these counts, version 1 being the champion."""
    guardrail = Guardrail(EndpointPolicy("canary", **limits))
    for version, one in told:
        guardrail.add(100.0, version, one)
    versions = sorted({version for version, _ in told})
    return [version for version, _ in guardrail.judge(100.5, 1, versions, tallies or {})]


def test_failures():
    """Five failures, beyond the limit and the champion's own share; a champion that fails leaves to another."""
    assert judge((1, counts(100)), (2, counts(20, failed=6))) == [2]
    assert judge((1, counts(100)), (2, counts(20, failed=4))) == []
    assert judge((1, counts(100, failed=50)), (2, counts(100, failed=50))) == []
    assert judge((1, counts(100, failed=50)), (2, counts(100))) == [1]
    assert judge((1, counts(100)), (2, counts(20, malformed=20))) == [2]
    assert judge((1, counts(1000)), (2, counts(1000, failed=20))) == []
    assert judge((1, counts(100, failed=100))) == []


def test_slow():
    """More than three times the champion's time of the same seconds, and by more than a fifth of a millisecond."""
    assert judge((1, counts(100, octave=17)), (2, counts(30, octave=20))) == [2]
    assert judge((1, counts(100, octave=17)), (2, counts(30, octave=18))) == []
    assert judge((1, counts(100, octave=10)), (2, counts(30, octave=13))) == []
    assert judge((1, counts(100, octave=20)), (2, counts(30, octave=17))) == [1]
    assert judge((1, counts(100, octave=17)), (2, counts(30, octave=20)), max_latency_ratio=100.0) == []


def test_old_counts_are_forgotten():
    """Ten seconds later it is as if nothing had been."""
    guardrail = Guardrail(EndpointPolicy("canary"))
    guardrail.add(100.0, 2, counts(50, failed=50))
    guardrail.add(100.0, 1, counts(50))
    assert [version for version, _ in guardrail.judge(101.0, 1, (1, 2), {})] == [2]
    assert guardrail.judge(110.1, 1, (1, 2), {}) == []


def test_a_version_that_earns_less_is_out_a_champion_is_not():
    """The policy takes traffic from a champion that earns less; the guardrail is for what was not trusted yet."""
    low, high = Tally.of([0.0] * 300 + [1.0] * 100), Tally.of([0.0] * 100 + [1.0] * 300)
    told = ((1, counts(10)), (2, counts(10)))
    assert judge(*told, tallies={1: high, 2: low}) == [2]
    assert judge(*told, tallies={1: low, 2: high}) == []


@pytest.mark.slow
def test_looking_again_and_again_does_not_make_it_wrong():
    """150 A/A experiments, looked at after every 50 rewards: at most 2 are called worse, either way."""
    draw = np.random.default_rng(11)
    num_wrong = 0
    for _ in range(150):
        rewards = (draw.random((2, 3000)) < 0.1).astype(float)
        sums = rewards.cumsum(axis=1)
        for end in range(50, 3001, 50):
            one, two = (Tally(end, end, int(sums[arm, end - 1]) << 40, int(sums[arm, end - 1]) << 80) for arm in (0, 1))
            if is_surely_worse(one, two) or is_surely_worse(two, one):
                num_wrong += 1
                break
    assert num_wrong <= 2


def test_a_real_loss_is_seen():
    """0.1 beside 0.2: seen within 2,000 rewards each in nearly every experiment."""
    draw = np.random.default_rng(5)
    found = 0
    for _ in range(100):
        low, high = ((draw.random(2000) < chance).tolist() for chance in (0.1, 0.2))
        found += is_surely_worse(Tally.of([float(one) for one in low]), Tally.of([float(one) for one in high]))
    assert found >= 99
