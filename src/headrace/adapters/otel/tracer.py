"""Spans of a server's requests, sent to a collector by OTLP over HTTP.

A request is a span of kind server, and the parts of answering it are its children: `receive` (until its body was
there), `decode`, `queue` (it waited), `run` and `encode`. A caller's `traceparent` makes it part of the caller's trace.

| attribute | of |
|---|---|
| `http.request.method`, `.response.status_code`, `http.route`, `url.path` | HTTP; route and path of ours |
| `rpc.system`, `rpc.service`, `rpc.method`, `rpc.grpc.status_code` | gRPC |
| `headrace.endpoint`, `.version`, `.rows`, `.request_id`, `.worker` | what answered; the id is the answer's header |
| `headrace.arm`, `headrace.propensity` | `TABLE/chosen` and how probable it was, where traffic is divided |
| `error.type` | of what was our fault |

Headers, bodies, tokens, and paths that are no route of ours are in none.

Where spans go, which are kept and how they are sent is said by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_*,
OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES); OTEL_SDK_DISABLED=true ends it. Requests
are handed over in a queue of 4,096, by which nobody waits: while more come than a thread at the lowest priority makes
spans of, some are not told of, and so it is while the collector is away. Both are said once.

Source: OpenTelemetry, "Semantic Conventions for HTTP Spans" and "for gRPC" 1.37; W3C, "Trace Context".
"""

from __future__ import annotations

import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from headrace.progress import say
from headrace.serving._contract import Tracer
from headrace.serving.tracing import Trace

__all__ = ["Otel"]

_MOST_WAITING = 4096
_CLOSE_S = 2.0
_ROUTES = (
    (
        re.compile(r"/v1/models/[^/:]+(/versions/[^/:]+)?(/labels/[^/:]+)?(/metadata|:[a-z]{1,20})?"),
        "/v1/models/{name}",
    ),
    (re.compile(r"/v2/models/[^/]+(/versions/[^/]+)?()(/ready|/infer)?"), "/v2/models/{name}"),
    (re.compile(r"/try/[^/]+()()()"), "/try/{name}"),
)
_PLAIN = frozenset(("/", "/metrics", "/rewards", "/openapi.json", "/try", "/v1/models", "/v2"))


def _route_of(path: str) -> str:
    """The route that a path is of; "" for what is none.

    >>> _route_of("/v1/models/late/versions/3:predict"), _route_of("/v1/models/late/secret")
    ('/v1/models/{name}/versions/{version}:predict', '')
    """
    if path in _PLAIN:
        return path
    for pattern, start in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None:
            version, label, page = found.groups()
            named = "/versions/{version}" if version else "/labels/{label}" if label else ""
            return f"{start}{named}{page or ''}"
    return ""


class _Heard(SpanExporter):
    """An exporter of which it is said when it fails, and when it no longer does; where it sends to is not."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_failing = False

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Send spans."""
        try:
            found = self._exporter.export(spans)
        except Exception:  # of whatever library sends them: requests are answered all the same
            found = SpanExportResult.FAILURE
        is_failing = found is not SpanExportResult.SUCCESS
        if is_failing != self._is_failing:
            self._is_failing = is_failing
            say("traces cannot be sent: spans are lost until they can" if is_failing else "traces are sent again")
        return found

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


class Otel(Tracer):
    """Sends spans to where OpenTelemetry's variables say; see the module's docstring.

    Parameters
    ----------
    worker : int
        The worker's number.
    """

    def __init__(self, *, worker: int = 0) -> None:
        # Its retries are written to standard error at length, with the address, which may hold a secret.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        logging.getLogger("opentelemetry").propagate = False
        is_named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        resource = Resource.create({} if is_named else {SERVICE_NAME: "headrace"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_Heard(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("headrace.serving")
        self._parents = TraceContextTextMapPropagator()
        self._worker = worker
        self._is_told = False
        self._waiting: queue.SimpleQueue[Trace | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="otel", daemon=True)
        self._thread.start()

    def take(self, trace: Trace) -> None:
        """Take one. Cost: 0.3 us."""
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(trace)
        elif not self._is_told:
            self._is_told = True
            say("more requests come than spans are made of: some are not traced; see OTEL_TRACES_SAMPLER")

    def close(self) -> None:
        """Send what is left, unless that takes more than two seconds."""
        self._waiting.put(None)
        self._thread.join(_CLOSE_S / 2)
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)  # it waits for a collector that is away
        ending.start()
        ending.join(_CLOSE_S / 2)

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere threads have no priority of their own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while True:
            trace = self._waiting.get()
            if trace is None:
                return
            try:
                self._tell(trace)
            except Exception as error:  # it must not be the last
                say(f"a request could not be traced: {type(error).__name__}")

    def _tell(self, trace: Trace) -> None:
        since_ns = time.time_ns() - time.perf_counter_ns()
        carrier = {"traceparent": trace.parent, "tracestate": trace.state} if trace.parent else {}
        is_http = trace.protocol == "http"
        name, attributes, is_fault = self._of_http(trace) if is_http else self._of_grpc(trace)
        span = self._tracer.start_span(
            name,
            self._parents.extract(carrier),
            SpanKind.SERVER,
            {**attributes, **self._of_answer(trace)},
            start_time=since_ns + trace.started_ns,
        )
        if span.is_recording():
            inside = set_span_in_context(span)
            for part, begun_ns, ended_ns in trace.parts:
                child = self._tracer.start_span(part, inside, start_time=since_ns + begun_ns)
                child.end(since_ns + ended_ns)
            if is_fault:
                span.set_status(StatusCode.ERROR)
        span.end(since_ns + trace.ended_ns)

    def _of_answer(self, trace: Trace) -> dict[str, Any]:
        facts = dict(trace.facts)
        told: dict[str, Any] = {"headrace.worker": self._worker}
        if trace.endpoint:
            told["headrace.endpoint"] = trace.endpoint
        if trace.served is not None:
            told |= {"headrace.version": trace.served.version, "headrace.rows": trace.num_rows}
        if "headrace-request-id" in facts:
            told["headrace.request_id"] = facts["headrace-request-id"]
        if "headrace-table" in facts:
            told["headrace.arm"] = f"{facts['headrace-table']}/chosen"
            told["headrace.propensity"] = float(facts["headrace-propensity"])
        return told

    @staticmethod
    def _of_http(trace: Trace) -> tuple[str, dict[str, Any], bool]:
        route, method = _route_of(trace.path), trace.method if trace.method in ("GET", "POST") else "_OTHER"
        told: dict[str, Any] = {"http.request.method": method, "http.response.status_code": trace.status}
        if route and trace.status not in (401, 404):
            told |= {"http.route": route, "url.path": trace.path}
        else:
            route = ""
        is_fault = trace.status >= 500
        if is_fault:
            told["error.type"] = str(trace.status)
        return f"{method} {route}".strip(), told, is_fault

    @staticmethod
    def _of_grpc(trace: Trace) -> tuple[str, dict[str, Any], bool]:
        service, _, method = trace.path[1:].partition("/")
        number, word = trace.status.value
        told: dict[str, Any] = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        told["rpc.grpc.status_code"] = number
        # Those by which the convention holds a server to be at fault.
        is_fault = trace.status.name in ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE")
        if is_fault:
            told["error.type"] = str(word)
        return f"{service}/{method}", told, is_fault
