"""Answering where traffic is divided: choose a version, answer with it, and write down the choice.

Requests that are there together are run together by version, as those of an endpoint that is not divided are.
A version that fails is not the caller's trouble: the champion answers instead, and the failure is counted and logged as
that version's own. Shadows are asked afterwards, on a thread of their own that drops what it cannot keep up with.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeVar

from headrace.errors import DeadlineExceeded, InvalidInput
from headrace.progress import say
from headrace.serving.core import Served, Serving
from headrace.serving.enforcing import read_allowed
from headrace.serving.exchange import Asking, Reply
from headrace.serving.route import NUM_BUCKETS, Gauge, Outcome, Route
from headrace.serving.running import CallerGone, status_of

__all__ = ["Shadowing", "ask_routed"]

_QUEUE = 64


T = TypeVar("T")


class _Choice(NamedTuple):
    """What was chosen for one request."""

    request_id: str
    unit: str
    segment: str
    outcome: Outcome
    begun_ns: int


def ask_routed(serving: Serving, route: Route, asking: Asking, write: Callable[[Reply], T]) -> T | Awaitable[T]:
    """Answer one request; what is run with others of its version, or apart, is awaited.

    Raises DeadlineExceeded, and what the champion raises. Cost beside one version alone: about 3 us.
    """
    request_id = serving.identify(route.endpoint)
    champion, lanes, outcome, unit = route.champion, None, None, asking.unit
    begun_ns = perf_counter_ns()
    try:
        segment = "all"
        if route.reads_columns:
            lanes = read_allowed(serving, asking, champion)
            named, segment = route.read(lanes)
            unit = unit or named
        outcome = route.choose(unit or request_id, segment)
        if lanes is None or not outcome.has_same_columns:
            lanes = read_allowed(serving, asking, outcome.served)
    except InvalidInput as error:
        return write(_refused(serving, champion if outcome is None else outcome.served, asking, request_id, error))
    choice = _Choice(request_id, unit, segment, outcome, begun_ns)
    runner = serving.runner
    if runner is not None:
        num_rows = len(next(iter(lanes.values())))
        way = runner.way(outcome.served, num_rows, serving.num_others)
        if way is not None:
            return _later(way, serving, route, asking, choice, lanes, num_rows, write)
    prediction, failure, run_ns = None, None, perf_counter_ns()
    try:
        prediction = serving.run(outcome.served, lanes, asking.deadline_ns)
    except Exception as raised:
        failure = raised
    ended_ns = perf_counter_ns()
    if asking.trace is not None:
        asking.trace.mark("run", run_ns, ended_ns)
    return write(_settle(serving, route, asking, choice, lanes, prediction, failure, ended_ns - begun_ns))


def _later(
    way: Callable[[Any], Any],
    serving: Serving,
    route: Route,
    asking: Asking,
    choice: _Choice,
    lanes: Any,
    num_rows: int,
    write: Callable[[Reply], T],
) -> Awaitable[T]:
    """Have it run with others of its version, or on the thread."""
    waiting_ns = perf_counter_ns()
    note = None if asking.trace is None else asking.trace.heard(waiting_ns)
    took_ns = waiting_ns - choice.begun_ns

    def heard(run_ns: int, ended_ns: int, num_together: int) -> None:
        # Without waiting, and without what the rows of others took: how long a version takes must not depend on how
        # many are given to it, or the one that is asked most would look slow.
        nonlocal took_ns
        run_took_ns = ended_ns - run_ns
        others_ns = choice.outcome.served.cost.row_ns * (num_together - num_rows)
        took_ns += max(run_took_ns * num_rows // max(1, num_together), run_took_ns - others_ns)
        if note is not None:
            note(run_ns, ended_ns, num_together)

    def done(prediction: Any, error: BaseException | None) -> T:
        if error is not None and not isinstance(error, Exception):
            raise error
        return write(_settle(serving, route, asking, choice, lanes, prediction, error, took_ns))

    found: Awaitable[T] = way((choice.outcome.served, lanes, num_rows, asking.deadline_ns, done, heard))
    return found


def _settle(
    serving: Serving,
    route: Route,
    asking: Asking,
    choice: _Choice,
    lanes: Any,
    prediction: Any,
    error: Exception | None,
    took_ns: int,
) -> Reply:
    """The answer of what came of running the version that was chosen, counted and written down."""
    request_id, unit, segment, outcome, _ = choice
    champion, served, headers, started_ns = route.champion, outcome.served, outcome.headers, asking.started_ns
    if isinstance(error, CallerGone):  # no fault of the version's
        serving.note(served, started_ns, 499, request_id=request_id)
        raise error
    chosen: Any = (outcome.arm, outcome.propensity, unit or None)
    prediction = _judged(route, served, outcome.gauge, prediction, error, took_ns)
    try:
        if prediction is None:
            if served is champion and isinstance(error, (DeadlineExceeded, MemoryError)):
                raise error
            # It failed: the champion answers, and the choice is written as the failure of who failed.
            serving.note(served, started_ns, 500, request_id=request_id, chosen=chosen)
            if served is champion:
                raise RuntimeError(f"version {served.version} of endpoint {route.endpoint} failed")
            lanes = lanes if outcome.has_same_columns else read_allowed(serving, asking, champion)
            prediction = serving.run(champion, lanes, asking.deadline_ns)
            served, headers, chosen = champion, champion.headers, None
    except (DeadlineExceeded, MemoryError) as raised:
        serving.note(outcome.served, started_ns, status_of(raised), request_id=request_id)
        raise
    except InvalidInput as problem:
        return _refused(serving, outcome.served, asking, request_id, problem)
    serving.note(served, started_ns, 200, lanes, prediction, request_id=request_id, chosen=chosen)
    for shadow in route.shadows:
        arm = f"{route.table_id}/{segment}"
        Shadowing.of(serving).ask(route, shadow, asking._replace(trace=None), (arm, 0.0, unit or None), request_id)
    return Reply(served, prediction, (*headers, ("headrace-request-id", request_id)))


def _refused(serving: Serving, served: Served, asking: Asking, request_id: str, problem: InvalidInput) -> Reply:
    serving.note(served, asking.started_ns, 400, request_id=request_id)
    return Reply(served, None, (*served.headers, ("headrace-request-id", request_id)), problem)


def _judged(
    route: Route, served: Served, gauge: Gauge, prediction: Any, error: BaseException | None, took_ns: int
) -> Any:
    """The prediction, counted; None where the version raised, or said what is none and is not the champion."""
    gauge.num += 1
    if error is not None:
        gauge.num_failed += 1
        if not gauge.is_told:
            gauge.is_told = True
            _tell(served, "".join(traceback.format_exception(error)))
        return None
    gauge.busy_ns[min(NUM_BUCKETS - 1, took_ns.bit_length())] += 1
    if prediction.shape == (1,):
        is_fit = route.low <= float(prediction[0]) <= route.high  # NaN is neither
    else:
        is_fit = bool(((prediction >= route.low) & (prediction <= route.high)).all())
    if not is_fit:
        gauge.num_malformed += 1
        return prediction if served is route.champion else None
    return prediction


def _tell(served: Served, details: str) -> None:
    facts = {"endpoint": served.endpoint, "version": str(served.version)}
    say(f"version {served.version} of endpoint {served.endpoint} failed", **facts, details=details)


class Shadowing:
    """The thread of a worker that asks shadows, at the lowest priority.

    Parameters
    ----------
    serving : Serving
        Where it writes down what they said.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._queue: queue.Queue[Any] = queue.Queue(_QUEUE)
        threading.Thread(target=self._run, name="shadow", daemon=True).start()

    @staticmethod
    def of(serving: Serving) -> Shadowing:
        """The one of a worker, started when it is first needed."""
        found: Shadowing | None = getattr(serving, "shadowing", None)
        if found is None:
            found = serving.shadowing = Shadowing(serving)
        return found

    def ask(self, route: Route, served: Served, asking: Asking, chosen: Any, request_id: str) -> None:
        """Have a version asked, some time; dropped, and counted, where too much waits."""
        gauge = route.gauges[served.version]
        try:
            self._queue.put_nowait((route, served, gauge, asking, chosen, request_id))
        except queue.Full:
            gauge.num_unheard += 1

    def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere threads have no priority of their own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while True:
            route, served, gauge, asking, chosen, request_id = self._queue.get()
            begun_ns = perf_counter_ns()
            status, lanes, prediction = 200, None, None
            try:
                lanes = read_allowed(self._serving, asking, served)
                error = None
                try:
                    prediction = self._serving.run(served, lanes)
                except Exception as raised:
                    error = raised
                prediction = _judged(route, served, gauge, prediction, error, perf_counter_ns() - begun_ns)
                status, lanes = (500, None) if prediction is None else (200, lanes)
            except InvalidInput:
                status, lanes = 400, None
            self._serving.note(served, begun_ns, status, lanes, prediction, request_id=request_id, chosen=chosen)
