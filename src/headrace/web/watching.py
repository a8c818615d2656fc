"""Watching: what the pages know of an endpoint's traffic; read on from the logs where the last look left it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from headrace.routing import Tally, standing_of
from headrace.serving.activity import Activity, published_shares
from headrace.serving.traffic import LedgerReader, endpoint_summary
from headrace.store import Store

__all__ = ["Seen", "Watched"]


@dataclass(frozen=True)
class Seen:
    """One look at an endpoint.

    Parameters
    ----------
    now_us : int
        When, UTC epoch microseconds.
    traffic : dict
        As `endpoint_summary`.
    versions : list of dict
        As `Activity.versions`, of the last minute.
    series : dict
        As `Activity.series`.
    shares : list of (seconds, segment -> version -> share)
        The tables in force while the series lasts: from when, in seconds before now (at most 0).
    tallies : dict of int to Tally
        The rewards of each version that takes part, over all segments; empty without a policy.
    """

    now_us: int
    traffic: dict[str, Any]
    versions: list[dict[str, Any]]
    series: dict[str, Any]
    shares: list[tuple[float, dict[str, dict[int, float]]]]
    tallies: dict[int, Tally]


class Watched:
    """One endpoint.

    Parameters
    ----------
    store, name : Store, str
        The endpoint; it exists.

    Views run on several threads: one reads at a time. Memory: as `Activity` and `Ledger` say.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._activity = Activity(store.home.path, name)
        self._reader = LedgerReader(store, name)
        self._lock = threading.Lock()

    def look(self) -> Seen:
        """Look now. Cost: what was logged since the last look; the first reads the logs of an hour."""
        now_us = time.time_ns() // 1000
        with self._lock:
            standing = standing_of(self._store, self._name)
            self._activity.read(now_us)
            traffic = endpoint_summary(self._store, self._name, now_us=now_us, reader=self._reader)
            tallies: dict[int, Tally] = {}
            if standing.is_divided:
                known = self._reader.read(standing, now_us=now_us).tallies().values()
                for version in standing.versions:
                    tallies[version] = sum((one.get(version, Tally()) for one in known), Tally())
            versions, series = self._activity.versions(now_us), self._activity.series(now_us)
        since_us = max(standing.since_us, now_us - int(self._activity.span_s * 1e6))
        found = published_shares(self._store.home.path, self._name, since_us=since_us) if standing.is_divided else []
        shares = [
            (round((time_us - now_us) / 1e6, 1), {name: dict(one) for name, one in table.items()})
            for time_us, table in found
        ]
        return Seen(now_us, traffic, versions, series, shares, tallies)
