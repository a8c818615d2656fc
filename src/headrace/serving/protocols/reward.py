"""The reward protocol: what an answer was worth, told when it is known.

| route | answer |
|---|---|
| POST /rewards | `{"recorded": 1}`, once it is on the disk |
| POST /v1/models/NAME:reward | the same, for requests of one endpoint alone |

The body is `{"request_id": "...", "reward": 1.0, "time": "2026-11-02T10:00:00Z"}`, or many of these as
`{"rewards": [...]}`: all are recorded, or none. The id is that of the header `headrace-request-id`; `time`, when it
came about, may be left out, and is kept beside the moment at which we were told, by which windows go.

Telling the same twice changes nothing: of several rewards for a request the first counts. An id that no server of this
store gave out is answered with status 404; a reward outside the range that the endpoint's policy declares, with 400.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, ClassVar

import orjson

from headrace.errors import InvalidRequest, UnknownName
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Serving
from headrace.serving.identity import endpoint_of

__all__ = ["Reward", "take_rewards"]

_SHAPE = '{"request_id": "...", "reward": 1.0}'
_MOST = 10_000


class Reward(Protocol):
    """Rewards in JSON; see the module's docstring for the routes."""

    prefixes: ClassVar[tuple[str, ...]] = ("/rewards",)
    routes: ClassVar[tuple[str, ...]] = ("POST /rewards",)

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """One route."""
        if request.path != "/rewards":
            return None
        if request.method != "POST":
            return Answer(405, orjson.dumps({"error": f"use POST: {_SHAPE}"}), headers=(("allow", "POST"),))
        return take_rewards(serving, request.body, None)


def take_rewards(serving: Serving, body: bytes, endpoint: str | None) -> Awaitable[Answer]:
    """Check the rewards of a body and have them written; the answer comes when they are on the disk.

    Raises InvalidRequest, with the place, for what is no reward, and UnknownName for a request nobody was asked.
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not JSON: {str(error)[:200]}", expected=_SHAPE) from None
    is_many = isinstance(told, dict) and set(told) == {"rewards"}
    items = told["rewards"] if is_many else [told]
    if not isinstance(items, list) or not 0 < len(items) <= _MOST:
        raise InvalidRequest("'rewards' is not a list of rewards", expected=f"1 to {_MOST:,}, each {_SHAPE}")
    rows = [_row(serving, item, endpoint, f"reward {place}" if is_many else "") for place, item in enumerate(items)]
    done: Awaitable[Answer] = serving.rewards.take(rows)
    return done


def _row(serving: Serving, item: Any, endpoint: str | None, where: str) -> tuple[str, str, float, int | None]:
    if not isinstance(item, dict) or not {"request_id", "reward"} <= set(item) <= {"request_id", "reward", "time"}:
        raise InvalidRequest("not a reward", where=where, expected=f"{_SHAPE}, and perhaps a time")
    request_id, reward, time = item["request_id"], item["reward"], item.get("time")
    if not isinstance(request_id, str):
        raise InvalidRequest("request_id is no text", where=where)
    if isinstance(reward, bool) or not isinstance(reward, (int, float)) or not math.isfinite(reward):
        raise InvalidRequest(f"reward {str(reward)[:40]}", where=where, expected="a finite number")
    names = serving.endpoints if endpoint is None else [endpoint]
    found = endpoint_of(request_id, serving.home_id, names)
    if found is None:
        raise UnknownName("request", request_id[:100], (), where=where, expected="the header headrace-request-id")
    route = serving.routes.get(found)
    if route is not None and not route.plain["reward_low"] <= reward <= route.plain["reward_high"]:
        low, high = route.plain["reward_low"], route.plain["reward_high"]
        raise InvalidRequest(f"reward {reward}", where=where, expected=f"{low:g} to {high:g}, as its policy declares")
    return found, request_id, float(reward), None if time is None else _micros(time, where)


def _micros(time: Any, where: str) -> int:
    try:
        found = datetime.fromisoformat(time)
        if found.tzinfo is None:
            raise ValueError
    except (TypeError, ValueError):
        raise InvalidRequest(f"time {str(time)[:40]!r}", where=where, expected="RFC 3339, with a zone") from None
    return int(found.timestamp() * 1e6)
