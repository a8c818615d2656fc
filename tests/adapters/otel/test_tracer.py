"""Spans: what a real collector is told of requests over HTTP and gRPC; one that is away costs nobody anything."""

import gzip
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # behind the check
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.adapters.grpc.test_listener import Caller, free_port, raw_request
from tests.serving.conftest import pushed, running, wait_until  # noqa: F401  # a fixture

PREDICT = "/v1/models/late:predict"
SECRET = "s3cret-of-nobody"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARTS = {"receive", "decode", "run", "encode"}


class Collector:
    """A collector of OTLP over HTTP: it has the spans it was sent, and every byte."""

    def __init__(self) -> None:
        self.spans, self.resources, self.received = [], [], b""
        collector = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
                assert self.path == "/v1/traces"
                request = ExportTraceServiceRequest.FromString(body)
                collector.received += body
                for resource in request.resource_spans:
                    collector.resources.append(plain(resource.resource.attributes))
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def of(self, request_id):
        """The span of a request, and its parts by name."""

        def found():
            """The collector has the request's span."""
            return [one for one in self.spans if plain(one.attributes).get("headrace.request_id") == request_id]

        span = wait_until(found, 60.0)[0]
        return span, {one.name: one for one in self.spans if one.parent_span_id == span.span_id}


def plain(attributes):
    """Attributes as a dict."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting():
    """A collector, and the environment of a server that tells it of its requests."""
    collector = Collector()
    environment = {
        "HEADRACE_OTEL": "true",
        "HEADRACE_TOKEN": SECRET,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    try:
        yield collector, environment
    finally:
        collector.server.shutdown()
        collector.server.server_close()


def test_spans(pushed):  # noqa: F811
    """A span a request with its parts, in the caller's trace, found by the answer's id; no secret is in any."""
    port = free_port()
    row = pushed.rows()[0]
    with collecting() as (collector, environment):
        with running(pushed.home, "--grpc-port", str(port), environment=environment) as (client, _):
            headers = {"authorization": f"Bearer {SECRET}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = client.post(PREDICT, json={"instances": [row, row]}, headers=headers)
            wrong = client.post(PREDICT, json={"instances": [{"dealy": SECRET}]}, headers=headers)
            assert (answer.status_code, wrong.status_code) == (200, 400)
            assert client.post(PREDICT, json={}, headers={"authorization": "Bearer x"}).status_code == 401
            assert client.get(f"/v1/models/{SECRET}", headers=headers).status_code == 404
            known = (("authorization", f"Bearer {SECRET}"), ("traceparent", f"00-{TRACE}-{PARENT}-01"))
            call = Caller(f"127.0.0.1:{port}", known).channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            request = raw_request(pushed.table.slice(0, 3)).SerializeToString()
            _, done = call.with_call(request, metadata=known, timeout=60, wait_for_ready=True)

            span, parts = collector.of(answer.headers["headrace-request-id"])
            told = plain(span.attributes)
            assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
            assert span.name == "POST /v1/models/{name}:predict" and span.kind == span.SPAN_KIND_SERVER
            assert (told["http.response.status_code"], told["headrace.endpoint"], told["headrace.version"]) == (
                200, "late", 1)  # fmt: skip
            assert (told["headrace.rows"], told["headrace.worker"], told["url.path"]) == (2, 0, PREDICT)
            assert set(parts) == PARTS, "each part once"
            for one in parts.values():
                assert span.start_time_unix_nano <= one.start_time_unix_nano <= one.end_time_unix_nano
                assert one.end_time_unix_nano <= span.end_time_unix_nano and one.trace_id == span.trace_id
            assert parts["decode"].end_time_unix_nano <= parts["run"].start_time_unix_nano
            assert parts["run"].end_time_unix_nano <= parts["encode"].start_time_unix_nano
            assert abs(span.start_time_unix_nano / 1e9 - time.time()) < 600

            span, parts = collector.of(wrong.headers["headrace-request-id"])
            assert plain(span.attributes)["http.response.status_code"] == 400 and "run" not in parts
            assert span.status.code == 0, "a caller's mistake is no fault"

            span, parts = collector.of(dict(done.trailing_metadata())["headrace-request-id"])
            told = plain(span.attributes)
            assert span.name == "inference.GRPCInferenceService/ModelInfer" and span.trace_id.hex() == TRACE
            assert (told["rpc.grpc.status_code"], told["headrace.rows"], told["headrace.version"]) == (0, 3, 1)
            assert set(parts) == {*PARTS, "queue"}

            def refused():
                """The requests that nobody may make are told of too."""
                codes = {plain(one.attributes).get("http.response.status_code") for one in collector.spans}
                return {401, 404} <= codes

            wait_until(refused, 60.0)
        assert {one["service.name"] for one in collector.resources} == {"headrace"}
        assert SECRET.encode() not in collector.received


def test_a_collector_that_is_away(pushed):  # noqa: F811
    """Where nobody listens, or somebody who never answers, requests are answered and the server ends in time."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        environment = {
            "HEADRACE_OTEL": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_BSP_MAX_QUEUE_SIZE": "16",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8",
        }
        with running(pushed.home, environment=environment) as (client, process):
            for _ in range(200):
                assert client.post(PREDICT, json={"instances": pushed.rows()[:1]}).status_code == 200
        assert process.returncode == 0


def test_nothing_is_imported_unless_it_is_asked_for():
    """A worker's modules bring in nothing of OpenTelemetry; nor does a variable of its own alone."""
    code = "import headrace.serving._worker, headrace.serving.http, sys; print('opentelemetry' in sys.modules)"
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_what_a_span_says(monkeypatch):
    """Arm and propensity where traffic is divided, faults as faults, and a `traceparent` that is none is none."""
    from headrace.adapters.otel.tracer import Otel
    from headrace.serving.tracing import Trace

    with collecting() as (collector, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "flights")
        tracer = Otel(worker=3)
        for number, status in enumerate((200, 503)):
            trace = Trace("http", "POST", "/v1/models/late/labels/new:predict", "00-not-a-parent", "", 1)
            told = {"headrace-table": "t5", "headrace-propensity": "0.25", "headrace-request-id": str(number)}
            trace.facts = tuple(told.items())
            trace.status, trace.ended_ns = status, 2
            tracer.take(trace)
        span, parts = collector.of("0")
        told = plain(span.attributes)
        assert not span.parent_span_id and not parts and span.name == "POST /v1/models/{name}/labels/{label}:predict"
        assert (told["headrace.arm"], told["headrace.propensity"], told["headrace.worker"]) == ("t5/chosen", 0.25, 3)
        fault = collector.of("1")[0]
        assert fault.status.code == fault.status.STATUS_CODE_ERROR and plain(fault.attributes)["error.type"] == "503"
        tracer.close()
        assert {one["service.name"] for one in collector.resources} == {"flights"}
