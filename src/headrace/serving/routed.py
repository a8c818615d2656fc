"""Answering where traffic is divided: choose a version, answer with it, and write down the choice.

A version that fails is not the caller's trouble: the champion answers instead, and the failure is counted and logged as
that version's own. Shadows are asked afterwards, on a thread of their own that drops what it cannot keep up with.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

from headrace.errors import DeadlineExceeded, InvalidInput
from headrace.progress import say
from headrace.serving.core import Served, Serving
from headrace.serving.enforcing import read_allowed
from headrace.serving.exchange import Asking, Reply
from headrace.serving.route import NUM_BUCKETS, Outcome, Route

__all__ = ["Shadowing", "ask_routed"]

_QUEUE = 64


def ask_routed(serving: Serving, route: Route, asking: Asking) -> Reply:
    """Answer one request. Cost beside one version alone: about 3 us."""
    request_id = serving.identify(route.endpoint)
    champion, lanes, outcome, unit, started_ns = route.champion, None, None, asking.unit, asking.started_ns
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
        prediction = _ask(serving, route, outcome, lanes, begun_ns, asking.deadline_ns)
        served, propensity, headers = outcome.served, outcome.propensity, outcome.headers
        if prediction is None:
            # It failed: the champion answers, and the choice is written as the failure of who failed.
            failed = (outcome.arm, outcome.propensity, unit or None)
            serving.note(outcome.served, started_ns, 500, request_id=request_id, chosen=failed)
            if served is champion:
                raise RuntimeError(f"version {served.version} of endpoint {route.endpoint} failed")
            lanes = lanes if outcome.has_same_columns else read_allowed(serving, asking, champion)
            prediction = serving.run(champion, lanes, asking.deadline_ns)
            served, headers = champion, champion.headers
            chosen: Any = None
        else:
            chosen = (outcome.arm, propensity, unit or None)
    except DeadlineExceeded:
        serving.note(champion if outcome is None else outcome.served, started_ns, 504, request_id=request_id)
        raise
    except InvalidInput as error:
        served = champion if outcome is None else outcome.served
        serving.note(served, started_ns, 400, request_id=request_id)
        return Reply(served, None, (*served.headers, ("headrace-request-id", request_id)), error)
    serving.note(served, started_ns, 200, lanes, prediction, request_id=request_id, chosen=chosen)
    for shadow in route.shadows:
        arm = f"{route.table_id}/{segment}"
        Shadowing.of(serving).ask(route, shadow, asking, (arm, 0.0, unit or None), request_id)
    return Reply(served, prediction, (*headers, ("headrace-request-id", request_id)))


def _ask(serving: Serving, route: Route, outcome: Outcome, lanes: Any, begun_ns: int, deadline_ns: int = 0) -> Any:
    """The prediction, counted; None where the version raised or said what is none."""
    gauge = outcome.gauge
    gauge.num += 1
    try:
        prediction = serving.run(outcome.served, lanes, deadline_ns)
    except Exception:
        gauge.num_failed += 1
        if not gauge.is_told:
            gauge.is_told = True
            _tell(outcome.served, traceback.format_exc())
        return None
    gauge.busy_ns[min(NUM_BUCKETS - 1, (perf_counter_ns() - begun_ns).bit_length())] += 1
    if prediction.shape == (1,):
        is_fit = route.low <= float(prediction[0]) <= route.high  # NaN is neither
    else:
        is_fit = bool(((prediction >= route.low) & (prediction <= route.high)).all())
    if not is_fit:
        gauge.num_malformed += 1
        return prediction if outcome.served is route.champion else None
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
                outcome = Outcome(served, chosen[0], 0.0, (), has_same_columns=False, gauge=gauge)
                prediction = _ask(self._serving, route, outcome, lanes, begun_ns)
                status, lanes = (500, None) if prediction is None else (200, lanes)
            except InvalidInput:
                status, lanes = 400, None
            self._serving.note(served, begun_ns, status, lanes, prediction, request_id=request_id, chosen=chosen)
