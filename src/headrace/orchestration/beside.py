"""Beside: what `headrace up` keeps running beside itself: the server, the pages, the monitor, followers of streams.

Each is a process of its own, so that whatever happens to it, watching and running go on; one that ends is started
again, and none outlives `headrace up`: it is asked to end when that is stopped, and killed with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace import progress
from headrace.orchestration.served import Served
from headrace.store import Store

__all__ = ["Beside"]

_LOOK_TURNS = 10  # of `turn`: how often it is looked whether there is an endpoint
_FOLLOWER_PAUSE_S = 30.0  # of one that somebody else may have taken


class Beside:
    """The processes beside `headrace up`.

    Parameters
    ----------
    store : Store
        Asked whether there is an endpoint: before the first there is nothing to monitor.
    with_serve, with_pages, with_monitor, with_ingest : bool
        What is wanted.
    """

    def __init__(
        self, store: Store, *, with_serve: bool, with_pages: bool, with_monitor: bool, with_ingest: bool
    ) -> None:
        self._store = store
        self._servers: dict[str, Served] = {}
        if with_serve:
            self._servers["the server"] = Served()
        if with_pages:
            self._servers["the pages"] = Served("headrace.web.server", "the pages", is_needed=False)
        self._with_monitor, self._with_ingest = with_monitor, with_ingest
        self._monitor: Served | None = None
        self._followers: dict[tuple[Path, str, tuple[str, ...]], Served] = {}
        self._num_turns = 0

    def told(self) -> str:
        """What runs, in one line; "" for nothing."""
        parts = list(self._servers)
        if self._with_monitor:
            parts.append("the monitor" if self._store.endpoints() else "the monitor, once something is served")
        if self._with_ingest:
            parts.append("a follower of each stream that a watched pipeline reads")
        return f"beside it: {'; '.join(parts)}" if parts else ""

    def turn(self, streams: Mapping[str, tuple[Path, str, str]]) -> None:
        """Start what is missing, and what has ended; `streams` as `Up.streams`."""
        is_due = self._with_monitor and self._monitor is None and self._num_turns % _LOOK_TURNS == 0
        if is_due and self._store.endpoints():
            self._monitor = Served("headrace.orchestration.monitored", "the monitor", longest_s=_FOLLOWER_PAUSE_S)
        self._num_turns += 1
        if self._with_ingest:
            self._follow(streams)
        for server in self._all():
            server.turn()

    def close(self) -> None:
        """Ask all to end, then wait for each."""
        for server in self._all():
            server.stop()
        for server in self._all():
            server.close()

    def _follow(self, streams: Mapping[str, tuple[Path, str, str]]) -> None:
        """One follower a pipeline, for the streams that no other one has; another one when these are others."""
        wanted: dict[tuple[Path, str], dict[str, str]] = {}
        for stream_id, (file, pipeline, label) in streams.items():
            wanted.setdefault((file, pipeline), {})[stream_id] = label
        keys = {(*key, tuple(sorted(found))): found for key, found in wanted.items()}
        for key in [key for key in self._followers if key not in keys]:
            self._followers.pop(key).close()
        for key, labels in keys.items():
            if key not in self._followers:
                file, pipeline, ids = key
                what = f"the follower of {', '.join(labels.values())}"
                progress.say(f"{pipeline}: following {', '.join(labels.values())}")
                self._followers[key] = Served(
                    "headrace.orchestration.followed",
                    what,
                    arguments=[str(file), pipeline, *ids],
                    longest_s=_FOLLOWER_PAUSE_S,
                )

    def _all(self) -> list[Served]:
        monitor = [] if self._monitor is None else [self._monitor]
        return [*self._servers.values(), *monitor, *self._followers.values()]
