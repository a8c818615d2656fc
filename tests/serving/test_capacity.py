"""Capacity: what may wait, and quotas."""

import time

import pytest

from headrace.errors import InvalidInput, TooManyRequests
from headrace.serving.capacity import Capacity, Quotas, read_quota


def test_each_bound_is_named():
    """Too many, too large and too slow are told apart."""
    capacity = Capacity(most_requests=20, most_bytes=1000, most_wait_s=0.01)
    capacity.num_running = 10
    assert capacity.why_not(100) == ""
    assert capacity.why_not(1001) == "bytes"
    capacity.num_running = 21
    assert capacity.why_not(1) == "requests"
    capacity.num_running = 10
    for _ in range(3 * 16):
        capacity.busy_ns += 2_000_000  # each 2 ms: ten of them wait 20 ms
        capacity.answered()
    assert 0.02 <= capacity.wait_s < 0.03
    assert capacity.why_not(1) == "", "ten are no crowd"
    crowd = Capacity(most_requests=1000, most_bytes=1000, most_wait_s=0.1)
    for _ in range(16):
        crowd.busy_ns += 2_000_000
        crowd.answered()
    crowd.num_running = 64
    assert crowd.why_not(1) == ""
    crowd.num_running = 65
    assert crowd.why_not(1) == "time"


def test_a_stall_is_not_a_slow_model():
    """One request that took a second among many quick ones closes no door."""
    capacity = Capacity(most_requests=1000, most_bytes=1000, most_wait_s=0.1)
    capacity.num_running = 100
    for place in range(10 * 16):
        capacity.busy_ns += 1_000_000_000 if place == 70 else 100_000
        capacity.answered()
    assert capacity.why_not(1) == ""


def test_few_are_let_in_whatever_they_take():
    """An endpoint of a second a request still answers one caller after the other."""
    capacity = Capacity(most_requests=1000, most_bytes=1000, most_wait_s=0.1)
    for _ in range(5):
        capacity.busy_ns += 1_000_000_000
        capacity.answered()
    capacity.num_running = 1
    assert capacity.why_not(1) == ""
    capacity.num_running = 9
    assert capacity.why_not(1) == "time"


def test_quota_is_refilled():
    """A rate is a rate: what is used up comes back, and when is said."""
    quotas = Quotas(["late: 5"], num_workers=1)
    for _ in range(5):
        quotas.take("late")
    with pytest.raises(TooManyRequests) as told:
        quotas.take("late")
    assert told.value.status == 429 and 0 < told.value.retry_after_s <= 0.2
    time.sleep(told.value.retry_after_s)
    quotas.take("late")


def test_quota_of_a_caller():
    """One caller's quota is nobody else's."""
    quotas = Quotas(["token reports: 1"], num_workers=1)
    quotas.take("late", "reports")
    with pytest.raises(TooManyRequests, match="token reports"):
        quotas.take("late", "reports")
    quotas.take("late", "shop")


@pytest.mark.parametrize("text", ["late", "late:", ": 5", "late: -1", "late: 0", "late: nan", "late: many"])
def test_what_is_no_quota(text):
    """A quota that cannot be read is an error that shows it."""
    with pytest.raises(InvalidInput, match="quota"):
        read_quota(text)
