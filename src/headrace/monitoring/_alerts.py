"""Alerts: what was told of endpoints, each as it stands now, read from the store's events."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from headrace.store import Event, Store

__all__ = ["alerts"]

_PIECE = 200


def alerts(store: Store, endpoint: str | None = None, *, limit: int = 100) -> list[dict[str, Any]]:
    """The alerts of an endpoint, or of all, newest first, at most `limit`: plain data, each as it stands now.

    `state` is "firing" or "resolved"; one that has no end of its own, such as a version that the guardrail took out, is
    "told". `time_us` is when that was said. Cost: reads back until there are enough.
    """
    kinds = (_newest_first(store, kind) for kind in ("alert", "alert-resolved"))
    found: dict[Any, dict[str, Any]] = {}
    for event in heapq.merge(*kinds, key=lambda event: -event.event_id):
        if len(found) >= limit:
            break
        if endpoint not in (None, event.body.get("endpoint")):
            continue
        one = {"endpoint": "", "rule": "", "slice": "overall", "state": "told", "items": [], **event.body}
        key = (one["endpoint"], one["rule"], one["slice"], one.get("began_s", event.event_id))
        found.setdefault(key, {**one, "time_us": event.time_us})  # what was said of it last came first
    return list(found.values())


def _newest_first(store: Store, kind: str) -> Iterator[Event]:
    before = None
    while events := store.events_of(kind, before=before, limit=_PIECE):
        yield from events
        before = events[-1].event_id
