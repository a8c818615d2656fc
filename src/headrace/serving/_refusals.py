"""Refusals: what a client is told over HTTP instead of an answer, and what the server's log is told of our faults."""

from __future__ import annotations

import math
import traceback
import uuid

import orjson

from headrace.errors import DeadlineExceeded, InvalidInput, NotAccepted, TooManyRequests, UnknownName
from headrace.progress import say
from headrace.serving._contract import Answer
from headrace.serving._credentials import Forbidden
from headrace.serving._memory import NotEnoughMemory
from headrace.serving.capacity import Capacity
from headrace.serving.running import CallerGone

__all__ = ["FULL", "TOO_SLOW", "UNKNOWN", "failed", "refusal"]


def refusal(status: int, message: str) -> Answer:
    """An answer that says why there is none."""
    return Answer(status, orjson.dumps({"error": message}))


UNKNOWN = refusal(401, "a token is needed: Authorization: Bearer ...")._replace(
    headers=(("www-authenticate", "Bearer"),)
)
FULL = refusal(503, "more requests wait than can be answered soon; come back in a second")._replace(
    headers=(("retry-after", "1"),)
)
TOO_SLOW = orjson.dumps({"error": "the body did not come in time; see the setting client_timeout_s"})
_STATUS_OF: dict[type[Exception], int] = {
    Forbidden: 403,
    UnknownName: 404,
    NotAccepted: 503,
    InvalidInput: 400,
    DeadlineExceeded: 504,
    CallerGone: 499,
    NotEnoughMemory: 503,
}


def failed(error: Exception, capacity: Capacity) -> Answer:
    """What a client is told of an error; one that a quota is the reason of is counted."""
    for kind, status in _STATUS_OF.items():
        if isinstance(error, kind):
            return refusal(status, str(error))
    if isinstance(error, TooManyRequests):
        if error.status == 429:
            capacity.turn_away("quota")
        seconds = str(max(1, math.ceil(error.retry_after_s)))
        return refusal(error.status, str(error))._replace(headers=(("retry-after", seconds),))
    if isinstance(error, MemoryError):
        return refusal(503, "there is no memory for this request; ask fewer rows at once")
    # The boundary between the caller's fault and ours: the caller gets an id, the log everything else.
    number = uuid.uuid4().hex[:12]
    say(f"request {number} failed", request_id=number, details="".join(traceback.format_exception(error)))
    return refusal(500, f"internal error {number}; the server's log has the details")
