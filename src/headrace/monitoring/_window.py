"""Window: the last minute of an endpoint, folded as its log grows, into what rules speak of."""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headrace.model.answers import read_column
from headrace.monitoring._drifting import Drifted, SliceBaseline
from headrace.rules import Measurements, Value
from headrace.serving._segments import hour_of
from headrace.serving._tail import Tail

__all__ = ["METRICS", "Window"]

METRICS = (
    "requests",
    "failed_share",
    "refused_share",
    "dropped_rows",
    "p50_ms",
    "p99_ms",
    "stale_s",
    "prediction_mean",
    "reward_mean",
    "rewarded_share",
    "null_share",
    "unseen_share",
    "drift",
)
_OWN = ("request_row", "request_status", "request_latency_us", "request_num_dropped", "event_time_us", "prediction")
_MOST_ROWS = 50_000


class Window:
    """The rows of the last seconds, of the version that is served.

    Parameters
    ----------
    home : Path
        Of the store.
    endpoint, version : str, int
        Whose.
    names : dict of str to str
        The model's raw columns, and what the log calls them; sensitive ones are left out.
    known : dict of str to set of str
        Of text columns whose values are all known: these.
    window_s : float
        How far back, in seconds.
    baseline : SliceBaseline or None
        What drift is measured against.

    Memory: at most 50,000 rows, the newest.
    """

    def __init__(
        self,
        home: Path,
        endpoint: str,
        version: int,
        names: dict[str, str],
        known: dict[str, set[str]],
        *,
        window_s: float,
        baseline: SliceBaseline | None,
    ) -> None:
        now_us = time.time_ns() // 1000
        self._since_us = now_us - int(window_s * 1e6)
        since = hour_of(self._since_us)
        self._requests = Tail(home / "requests" / endpoint, None, since=since)
        self._rewards = Tail(home / "rewards" / endpoint, ("event_time_us", "reward"), since=since)
        self.version, self.names, self._known = version, names, known
        self.window_s, self.baseline = window_s, baseline
        self._batches: deque[tuple[int, pa.RecordBatch]] = deque()
        self._num_rows = 0
        self._told: deque[tuple[int, float]] = deque()
        self._last_us = 0
        self.drifted: list[Drifted] = []

    def read(self, now_us: int) -> None:
        """Take in what was logged since; let go of what is too old."""
        oldest = now_us - int(self.window_s * 1e6)
        for version, batch in self._requests.poll():
            if not batch.num_rows:
                continue
            newest = int(pc.max(batch.column("event_time_us").cast(pa.int64())).as_py())
            self._last_us = max(self._last_us, newest)
            if version == self.version and newest >= oldest:
                self._batches.append((newest, batch))
                self._num_rows += batch.num_rows
        while self._batches and (self._batches[0][0] < oldest or self._num_rows > _MOST_ROWS):
            self._num_rows -= self._batches.popleft()[1].num_rows
        for _, batch in self._rewards.poll():
            times = batch.column("event_time_us").cast(pa.int64()).to_pylist()
            self._told += zip(times, batch.column("reward").to_pylist(), strict=True)
        while self._told and self._told[0][0] < oldest:
            self._told.popleft()

    def measure(self, now_us: int, *, with_columns: bool) -> Measurements:
        """What rules can be judged by.

        Overall the rates of the window; of each column, as the slice `feature=NAME`, its null share, unseen share and
        drift, where `with_columns` asks for these: they cost milliseconds a column, rates cost microseconds. What was
        measured of columns last stays until then.
        """
        oldest = now_us - int(self.window_s * 1e6)
        rows = [batch for newest, batch in self._batches if newest >= oldest]
        values: dict[Any, dict[str, Value]] = {(): self._rates(rows, now_us)}
        if with_columns:
            self._columns = self._by_column(rows)
        return Measurements({**values, **getattr(self, "_columns", {})})

    def _rates(self, rows: list[pa.RecordBatch], now_us: int) -> dict[str, Value]:
        first, status, latency, dropped, predictions = [], [], [], 0, []
        for batch in rows:
            is_first = batch.column("request_row").to_numpy() == 0
            first.append(is_first)
            status.append(batch.column("request_status").to_numpy()[is_first])
            latency.append(batch.column("request_latency_us").to_numpy()[is_first])
            dropped += int(pc.sum(batch.column("request_num_dropped")).as_py() or 0)
            found = read_column(batch.column("prediction"))
            # Of several classes the likeliest one's: how sure the model is.
            predictions.append(found if found.ndim == 1 else found.max(axis=1))
        statuses = np.concatenate(status) if status else np.zeros(0, np.int64)
        latencies = np.concatenate(latency) if latency else np.zeros(0, np.int64)
        answered = np.concatenate(predictions) if predictions else np.zeros(0, np.float32)
        answered = answered[~np.isnan(answered)]
        num = len(statuses)
        rewards = [reward for _, reward in self._told]

        def share(count: Any) -> Value:
            return Value(float(count) / num if num else math.nan, num)

        stale = (now_us - self._last_us) / 1e6 if self._last_us else (now_us - self._since_us) / 1e6
        return {
            "requests": Value(float(num), num),
            "failed_share": share((statuses >= 500).sum()),
            "refused_share": share(((statuses >= 400) & (statuses < 500)).sum()),
            "dropped_rows": Value(float(dropped), num),
            "p50_ms": Value(float(np.quantile(latencies, 0.5)) / 1e3 if num else math.nan, num),
            "p99_ms": Value(float(np.quantile(latencies, 0.99)) / 1e3 if num else math.nan, num),
            "stale_s": Value(stale, max(num, 1)),
            "prediction_mean": Value(float(answered.mean()) if len(answered) else math.nan, len(answered)),
            "reward_mean": Value(float(np.mean(rewards)) if rewards else math.nan, len(rewards)),
            "rewarded_share": share(len(rewards)),
        }

    def _by_column(self, rows: list[pa.RecordBatch]) -> dict[Any, dict[str, Value]]:
        sampled = [batch.filter(batch.column("request_is_sampled")) for batch in rows]
        if not sum(batch.num_rows for batch in sampled):
            return {}
        whole = pa.Table.from_batches(sampled).select(list(self.names.values()))
        whole = whole.rename_columns(list(self.names)).combine_chunks()
        found: dict[Any, dict[str, Value]] = {}
        for name in self.names:
            column = whole[name]
            mine = found.setdefault((("feature", name),), {})
            mine["null_share"] = Value(column.null_count / len(column), len(column))
            if name in self._known:
                is_known = pc.is_in(column.cast(pa.string()), pa.array(sorted(self._known[name]), pa.string()))
                unseen = pc.sum(pc.and_(pc.is_valid(column), pc.invert(is_known))).as_py() or 0
                mine["unseen_share"] = Value(unseen / len(column), len(column))
        self.drifted = [] if self.baseline is None else self.baseline.compare(whole)
        for one in self.drifted:
            pairs = (("feature", one.feature), *one.slice)
            found.setdefault(pairs, {})["drift"] = Value(one.ratio, one.num_rows)
        return found
