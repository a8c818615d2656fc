"""What an endpoint was asked lately: counted from its log as that grows, by version and slot of time."""

import json

import numpy as np
import pyarrow as pa

from headrace.serving._segments import Segment, hour_of
from headrace.serving.activity import Activity, published_shares

NOW_US = 1_700_000_000_000_000
SCHEMA = pa.schema(
    [
        ("request_row", pa.int64()),
        ("event_time_us", pa.timestamp("us", "UTC")),
        ("request_status", pa.int64()),
        ("request_latency_us", pa.int64()),
        ("request_propensity", pa.float64()),
    ]
)


def log(home, version, rows):
    """Rows of (seconds before now, row, status, microseconds, propensity), in a segment of the request log."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    times = [NOW_US - int(seconds * 1e6) for seconds in columns[0]]
    batch = pa.record_batch([columns[1], times, columns[2], columns[3], columns[4]], schema=SCHEMA)
    (home / "requests").mkdir(exist_ok=True)
    segment = Segment(home / "requests", SCHEMA, endpoint="late", version=version, hour=hour_of(NOW_US))
    segment.add(batch)
    segment.close()


def test_by_hand(tmp_path):
    """Rows, requests, errors and shares of the last minute; shadows, rows after the first and old ones aside."""
    good = [(5, 0, 200, 1000, 0.75), (5, 1, 200, 1000, 0.75), (15, 0, 200, 1000, None)]
    log(tmp_path, 1, [*good, (7000, 0, 200, 9, None), (5, 0, 200, 9, 0.0)])
    log(tmp_path, 2, [(5, 0, 500, 4000, 0.25), (5, 0, 404, 4000, 0.25)])
    activity = Activity(tmp_path, "late")
    activity.read(NOW_US)
    first, second = activity.versions(NOW_US, last_s=60.0)
    assert (first["version"], first["num_requests"], first["num_rows"]) == (1, 2, 3)
    assert (first["num_failed"], first["num_refused"], first["share"]) == (0, 0, 0.5)
    assert (second["num_requests"], second["num_failed"], second["num_refused"]) == (2, 1, 1)
    assert abs(first["p50_ms"] - 1.0) < 0.05 and abs(second["p99_ms"] - 4.0) < 0.2
    series = activity.series(NOW_US)
    assert json.loads(json.dumps(series)) and series["ends_s"] == sorted(series["ends_s"]) and series["ends_s"][-1] <= 0
    assert sum(series["versions"][1]["requests_per_s"]) * series["slot_s"] == 2


def test_it_is_read_on(tmp_path):
    """What comes later is added once; what is too old is forgotten; an endpoint without a log has nothing."""
    activity = Activity(tmp_path, "late", span_s=120.0)
    activity.read(NOW_US)
    assert activity.versions(NOW_US) == [] and activity.series(NOW_US)["ends_s"] == []
    for _ in range(2):
        log(tmp_path, 3, [(1, 0, 200, 100, None)] * 10)
        activity.read(NOW_US)
        activity.read(NOW_US)
    assert activity.versions(NOW_US)[0]["num_requests"] == 20
    later = NOW_US + 200_000_000
    activity.read(later)
    assert activity.versions(later) == [] and activity.series(later)["versions"] == {}


def test_quantiles_are_within_their_bound(tmp_path):
    """Of ten thousand latencies of any size each quantile is within five per cent of NumPy's."""
    random = np.random.default_rng(3)
    latencies = np.exp(random.normal(7, 2, 10_000)).astype(int) + 2
    log(tmp_path, 1, [(5, 0, 200, int(one), None) for one in latencies])
    activity = Activity(tmp_path, "late")
    activity.read(NOW_US)
    (row,) = activity.versions(NOW_US)
    for key, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
        exact = np.quantile(latencies, share, method="inverted_cdf") / 1e3
        assert abs(row[key] / exact - 1) < 0.05


def test_published_shares(tmp_path):
    """The table from before the moment is in force at it; half a line is none; many are thinned, the last one kept."""
    folder = tmp_path / "requests" / "late"
    folder.mkdir(parents=True)
    assert published_shares(tmp_path, "late") == []

    def line(second, first):
        cells = [first << 30, (4 - first) << 30]
        plain = {"time_us": second * 1_000_000, "allocations": {"all": {"versions": [1, 2], "cells": cells}}}
        return json.dumps(plain) + "\n"

    lines = [line(second, second % 5) for second in range(1000)]
    (folder / "tables.jsonl").write_text("".join(lines) + '{"time_us": 5')
    whole = published_shares(tmp_path, "late", most=2000)
    assert len(whole) == 1000 and whole[3] == (3_000_000, {"all": {1: 0.75, 2: 0.25}})
    since = published_shares(tmp_path, "late", since_us=990_500_000)
    assert since[0] == (990_500_000, {"all": {1: 0.0, 2: 1.0}}) and len(since) == 10
    thin = published_shares(tmp_path, "late", most=10)
    assert len(thin) <= 11 and thin[-1] == whole[-1]
