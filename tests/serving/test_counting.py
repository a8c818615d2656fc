"""Counting: counters of all workers, as one."""

import json

from headrace.serving import counting
from headrace.serving.counting import Counters, read_counters
from headrace.serving.protocols.metrics import exposition

TURNED_AWAY = {"requests": 0, "bytes": 0, "time": 0, "quota": 0}


def value(text, name, **labels):
    """The value of one series."""
    told = ",".join(f'{key}="{one}"' for key, one in labels.items())
    line = f"{name}{{{told}}} " if told else f"{name} "
    (found,) = [one for one in text.splitlines() if one.startswith(line)]
    return float(found.rpartition(" ")[2])


def test_workers_are_added_up(tmp_path):
    """What two workers answered is one figure, and one that is replaced goes on where it was."""
    for worker, number in ((0, 3), (1, 4)):
        counters = Counters(tmp_path, worker)
        for _ in range(number):
            counters.of("late", 1).answer(200, 2, 3_000_000)
        counters.beat(num_running=worker, num_dropped=5, turned_away={**TURNED_AWAY, "time": 7})
    again = Counters(tmp_path, 0)  # in place of one that was killed
    again.of("late", 1).answer(503, 1, 10**11)
    again.beat(num_running=0, num_dropped=1, turned_away={**TURNED_AWAY, "time": 1})
    now = again.worker.cells[counting.BEAT_MS]
    text = exposition(read_counters(tmp_path), now)
    one = {"endpoint": "late", "version": "1", "arm": ""}
    assert value(text, "headrace_requests_total", **one, status="200") == 7
    assert value(text, "headrace_requests_total", **one, status="503") == 1
    assert value(text, "headrace_rows_total", **one) == 15
    assert value(text, "headrace_request_seconds_bucket", **one, le="0.0025") == 0
    assert value(text, "headrace_request_seconds_bucket", **one, le="0.005") == 7
    assert value(text, "headrace_request_seconds_bucket", **one, le="+Inf") == 8
    assert value(text, "headrace_request_seconds_count", **one) == 8
    assert value(text, "headrace_turned_away_total", bound="time") == 15
    assert value(text, "headrace_log_dropped_rows_total", worker="0") == 6
    assert value(text, "headrace_worker_starts_total", worker="0") == 2
    assert value(text, "headrace_workers") == 2
    assert value(exposition(read_counters(tmp_path), now + 60_000), "headrace_workers") == 0


def test_more_than_there_is_room_for():
    """Series without end are counted together as others: the memory is bounded."""
    counters = Counters(None, 0)
    for version in range(2000):
        counters.of("late", version).answer(200, 1, 1)
    other = counters._blocks[b'{"other": true}']
    assert other < 1024
    assert counters.of("late", 1999).cells[0] == counters.of("late", 1998).cells[0] > 900


def test_every_line_is_prometheus():
    """Names, labels and values are of the text format; each family has its help and type once, before its series."""
    counters = Counters(None, 0)
    counters.of('a"b\\c\nd', 1, "chosen").answer(200, 1, 1)
    labels = {"endpoint": 'a"b\\c\nd', "version": "1", "arm": "chosen"}
    text = exposition([(labels, counters.of('a"b\\c\nd', 1, "chosen").cells.tolist())], 0)
    families = []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            families.append(line.split(" ")[2])
        elif not line.startswith("# HELP "):
            assert line.startswith(families[-1])
            float(line.rpartition(" ")[2])
    assert len(families) == len(set(families))
    assert 'endpoint="a\\"b\\\\c\\nd"' in text
    assert json.dumps(labels)  # it can be written to a file
