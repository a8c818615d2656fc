"""Activity: what an endpoint was asked lately, by version and slot of time; read on from the log where it was left."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.serving._segments import hour_of
from headrace.serving._tail import Tail

__all__ = ["Activity", "published_shares"]

_COLUMNS = ("request_row", "event_time_us", "request_status", "request_latency_us", "request_propensity")
_PER_OCTAVE = 8
_BINS = 32 * _PER_OCTAVE  # from 1 us to an hour
# requests, rows, failed, refused, then the latencies by eighths of an octave
_REQUESTS, _ROWS, _FAILED, _REFUSED, _TIMES = 0, 1, 2, 3, 4


class Activity:
    """One endpoint's requests of the last while, counted.

    Parameters
    ----------
    home : Path
        Of the store; only its request log is read.
    endpoint : str
        Whose requests.
    span_s : float
        How far back it remembers, in seconds.
    slot_s : float
        The width of a slot, in seconds.

    Shadows, which nobody got an answer of, are left out. Latencies are kept by eighths of an octave: a quantile is
    within 4.5 % of the logged one. Memory: a kilobyte a version and slot. Cost: `read` the new bytes of the log, the
    first time the last hours'.
    """

    def __init__(self, home: Path, endpoint: str, *, span_s: float = 1800.0, slot_s: float = 10.0) -> None:
        self._folder = home / "requests" / endpoint
        self.span_s, self.slot_s = span_s, slot_s
        self._slots: dict[tuple[int, int], npt.NDArray[np.int64]] = {}  # (slot, version) -> counts
        self._tail: Tail | None = None

    def read(self, now_us: int) -> None:
        """Count what was logged since the last time; let go of what is too old."""
        if self._tail is None:
            self._tail = Tail(self._folder, _COLUMNS, since=hour_of(now_us - int(self.span_s * 1e6)))
        oldest = self._slot(now_us - int(self.span_s * 1e6))
        for version, batch in self._tail.poll():
            self._count(version, batch, oldest)
        for key in [key for key in self._slots if key[0] < oldest]:
            del self._slots[key]

    def versions(self, now_us: int, *, last_s: float = 60.0) -> list[dict[str, Any]]:
        """One row a version that was asked in the last `last_s` seconds.

        Returns
        -------
        list of dict
            `version`, `num_requests`, `num_rows`, `num_failed` (5xx), `num_refused` (4xx), `share` (0..1 of the
            requests), `requests_per_s`, `rows_per_s`, `p50_ms` and `p99_ms` (None without a request).
        """
        first = self._slot(now_us - int(last_s * 1e6)) + 1
        sums: dict[int, npt.NDArray[np.int64]] = {}
        for (slot, version), counts in self._slots.items():
            if slot >= first:
                sums[version] = sums.get(version, np.zeros_like(counts)) + counts
        total = sum(int(counts[_REQUESTS]) for counts in sums.values())
        # The newest slot is not over yet.
        seconds = max(1.0, now_us / 1e6 - first * self.slot_s)
        return [
            {
                "version": version,
                "num_requests": int(counts[_REQUESTS]),
                "num_rows": int(counts[_ROWS]),
                "num_failed": int(counts[_FAILED]),
                "num_refused": int(counts[_REFUSED]),
                "share": float(counts[_REQUESTS]) / total if total else 0.0,
                "requests_per_s": float(counts[_REQUESTS]) / seconds,
                "rows_per_s": float(counts[_ROWS]) / seconds,
                "p50_ms": _quantile_ms(counts[_TIMES:], 0.5),
                "p99_ms": _quantile_ms(counts[_TIMES:], 0.99),
            }
            for version, counts in sorted(sums.items())
        ]

    def series(self, now_us: int) -> dict[str, Any]:
        """The slots from the first that was asked anything, for drawings.

        Returns
        -------
        dict
            `slot_s`; `ends_s`, the end of each slot that is over, in seconds before now (ascending, at most 0); and
            `versions`: version -> `requests_per_s`, `failed_per_s`, a value a slot; `p50_ms`, `p99_ms` over all
            versions, None in a slot without a request.
        """
        last = self._slot(now_us) - 1
        known = [slot for slot, _ in self._slots if slot <= last]
        slots = list(range(min(known), last + 1)) if known else []
        found: dict[int, dict[str, list[float]]] = {}
        for version in sorted({version for _, version in self._slots}):
            mine = [self._slots.get((slot, version)) for slot in slots]
            found[version] = {
                name: [0.0 if counts is None else float(counts[place]) / self.slot_s for counts in mine]
                for name, place in (("requests_per_s", _REQUESTS), ("failed_per_s", _FAILED))
            }
        times = [
            sum((self._slots[slot, one][_TIMES:] for one in found if (slot, one) in self._slots), np.zeros(_BINS, int))
            for slot in slots
        ]
        return {
            "slot_s": self.slot_s,
            "ends_s": [round((slot + 1) * self.slot_s - now_us / 1e6, 1) for slot in slots],
            "versions": found,
            "p50_ms": [_quantile_ms(one, 0.5) for one in times],
            "p99_ms": [_quantile_ms(one, 0.99) for one in times],
        }

    def _slot(self, time_us: int) -> int:
        return int(time_us // int(self.slot_s * 1e6))

    def _count(self, version: int, batch: pa.RecordBatch, oldest: int) -> None:
        slots = batch.column("event_time_us").cast(pa.int64()).to_numpy() // int(self.slot_s * 1e6)
        propensities = pc.fill_null(batch.column("request_propensity"), 1.0).to_numpy(zero_copy_only=False)
        wanted = (slots >= oldest) & (propensities > 0)
        is_first = batch.column("request_row").to_numpy() == 0
        status = batch.column("request_status").to_numpy()
        latency = np.maximum(batch.column("request_latency_us").to_numpy(), 1)
        bins = np.minimum((np.log2(latency) * _PER_OCTAVE).astype(np.int64), _BINS - 1)
        for slot in np.unique(slots[wanted]).tolist():
            mine = wanted & (slots == slot)
            first = mine & is_first
            counts = self._slots.setdefault((slot, version), np.zeros(_TIMES + _BINS, np.int64))
            counts[_REQUESTS] += int(first.sum())
            counts[_ROWS] += int(mine.sum())
            counts[_FAILED] += int((status[first] >= 500).sum())
            counts[_REFUSED] += int(((status[first] >= 400) & (status[first] < 500)).sum())
            counts[_TIMES:] += np.bincount(bins[first], minlength=_BINS)


def _quantile_ms(times: npt.NDArray[np.int64], share: float) -> float | None:
    """The middle of the bin below which this share of the requests took."""
    total = int(times.sum())
    if not total:
        return None
    place = int(np.searchsorted(np.cumsum(times), math.ceil(share * total)))
    return float(2.0 ** ((place + 0.5) / _PER_OCTAVE)) / 1e3


def published_shares(
    home: Path, endpoint: str, *, since_us: int = 0, most: int = 200, most_bytes: int = 1 << 20
) -> list[tuple[int, Mapping[str, Mapping[int, float]]]]:
    """The tables in force since a moment, oldest first: (from when, UTC epoch us; segment -> version -> share 0..1).

    The first may have been published before it. At most `most`, evenly thinned, the last one always among them. Cost:
    the last `most_bytes` of a file.
    """
    path = home / "requests" / endpoint / "tables.jsonl"
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = file.seek(max(0, size - most_bytes))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    found: list[tuple[int, Mapping[str, Mapping[int, float]]]] = []
    for line in lines[1:] if start else lines:
        with suppress(ValueError, KeyError, TypeError):  # half a line of a process that was killed
            table = json.loads(line)
            one = (max(table["time_us"], since_us), {name: _shares(of) for name, of in table["allocations"].items()})
            if table["time_us"] <= since_us:  # it was in force then, if no later one was
                found = [one]
            else:
                found.append(one)
    step = len(found) // most + 1
    return [*found[:-1][::step], *found[-1:]]


def _shares(allocation: Mapping[str, Any]) -> dict[int, float]:
    return {
        version: cells / (1 << 32) for version, cells in zip(allocation["versions"], allocation["cells"], strict=True)
    }
