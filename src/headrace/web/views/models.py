"""Models: every one that was made, how good it was, and when it was served."""

from __future__ import annotations

from typing import Any

from headrace.web.asking import Ask, Page
from headrace.web.views._rows import MOST, offset_of, paged

__all__ = ["listing"]


def listing(ask: Ask) -> Page:
    """`/models`: newest first, each with the endpoints and versions it is or was."""
    store = ask.store
    offset = offset_of(ask)
    found, links = paged(ask, store.catalog("model", limit=MOST + 1, offset=offset), offset=offset)
    served: dict[str, list[dict[str, Any]]] = {}
    for live in store.endpoints():
        for version, times in served_times(ask, live.name).items():
            endpoint = store.endpoint(live.name, version)
            if endpoint is not None:
                entry = {"endpoint": live.name, "version": version, "is_live": version == live.version, "times": times}
                served.setdefault(endpoint.model_digest, []).append(entry)
    rows = [
        {
            "digest": item.digest,
            "created_us": item.created_us,
            "size_bytes": item.size_bytes,
            "pipeline": item.pipeline,
            "run": item.run_id,
            "step": item.step,
            "served": served.get(item.digest, []),
        }
        for item in found
    ]
    return Page("models", "Models", {"models": rows, "pages": links})


def served_times(ask: Ask, name: str) -> dict[int, list[list[int | None]]]:
    """Version -> the stretches of time in which an endpoint served it: [from, until] in UTC epoch microseconds."""
    moves = ask.store.moves(name)
    found: dict[int, list[list[int | None]]] = {}
    for index, move in enumerate(moves):
        until = moves[index + 1].time_us if index + 1 < len(moves) else None
        stretches = found.setdefault(move.version, [])
        if index and moves[index - 1].version == move.version:  # it stayed: its traffic was divided, say
            stretches[-1][1] = until
        else:
            stretches.append([move.time_us, until])
    return found
