"""The watermark: the slowest partition decides, silence counts, and it never goes back."""

import time

from headrace.ingestion.watermark import Watermark

HOUR_US = 3_600_000_000


def test_the_slowest_partition_decides():
    """The earliest of the partitions' newest events, minus what may be late; none before each has spoken."""
    mark = Watermark(late_s=60.0, idle_s=1000.0, newest_us={})
    mark.hear({"0": 1, "1": 1}, set())
    mark.see("0", 5 * HOUR_US)
    assert mark.value_us() is None
    mark.see("1", 3 * HOUR_US)
    assert mark.value_us() == 3 * HOUR_US - 60_000_000
    mark.see("1", 2 * HOUR_US)  # late, and it goes nowhere
    assert mark.value_us() == 3 * HOUR_US - 60_000_000
    mark.see("1", 9 * HOUR_US)
    assert mark.value_us() == 5 * HOUR_US - 60_000_000


def test_a_new_partition_does_not_turn_it_back():
    """What was passed stays passed."""
    mark = Watermark(late_s=0.0, idle_s=1000.0, newest_us={"0": 5 * HOUR_US})
    mark.hear({"0": 1}, {"0"})
    assert mark.value_us() == 5 * HOUR_US
    mark.hear({"0": 1, "1": 1}, {"0"})
    assert mark.value_us() == 5 * HOUR_US
    mark.see("1", HOUR_US)
    assert mark.value_us() == 5 * HOUR_US


def test_silence_at_the_end_is_the_present():
    """An idle partition counts as having reached now, minus what may be late; one with messages waiting does not."""
    mark = Watermark(late_s=60.0, idle_s=0.05, newest_us={"0": HOUR_US, "1": HOUR_US})
    mark.hear({"0": 0, "1": 3}, set())
    time.sleep(0.1)
    assert mark.value_us() == HOUR_US - 60_000_000
    mark.hear({"0": 0, "1": 0}, set())
    time.sleep(0.1)
    now_us = time.time_ns() // 1000
    assert now_us - 70_000_000 < mark.value_us() < now_us - 50_000_000


def test_all_that_was_there_was_taken():
    """Who takes a stream once is at every end at once."""
    mark = Watermark(late_s=0.0, idle_s=1000.0, newest_us={"0": HOUR_US})
    mark.hear({"0": 0, "1": 0}, set())
    assert mark.value_us() is None
    assert mark.value_us(is_at_end=True) > 1_700_000_000_000_000
