"""gRPC beside HTTP: `inference.GRPCInferenceService` and `grpc.health.v1.Health`, in each worker of a server.

| method | needs the token |
|---|---|
| ServerLive, ServerReady, Health/Check | no |
| ServerMetadata, ModelMetadata, ModelReady, ModelInfer, and every other name | yes, as `authorization: Bearer ...` |

| code | when |
|---|---|
| INVALID_ARGUMENT | the request cannot be answered as it stands: the message names tensor, row and column |
| UNAUTHENTICATED | the token is missing or wrong |
| PERMISSION_DENIED | the token is for other endpoints |
| NOT_FOUND | no such endpoint or version |
| RESOURCE_EXHAUSTED | a quota is used up (with `retry-after`), or the message is larger than the setting body_mb |
| RESOURCE_EXHAUSTED | answering it takes more memory than the worker may have |
| UNAVAILABLE | the endpoint has no version that could be loaded, or more waits than may (with `retry-after`) |
| DEADLINE_EXCEEDED | the call was not answered in the time its caller gave it |
| UNIMPLEMENTED | shared memory, repositories, streams, Health/Watch: by design |
| INTERNAL | our fault; the message carries an id, the log the details |

Calls are answered on threads, a few at a time: a call costs half the processor time that it costs on the worker's own
loop (measured with grpcio 1.85: 122 us to 244 us for one that does nothing). Quotas, and the bounds on what may wait,
are HTTP's, which count calls and requests together. One whose caller is gone, or whose deadline is over, by the time a
thread has time for it, is dropped, and later its run is ended; one whose message does not come within client_timeout_s
is ended, and who may not call is not listened to.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import grpc

from headrace.adapters.grpc.calls import CODES, Call, Patience, deny, guarded, turn_away
from headrace.adapters.grpc.inference import parse, parse_infer, read_infer, write_infer
from headrace.adapters.grpc.messages import HEALTH, INFERENCE, message
from headrace.errors import NotAccepted, StoreError
from headrace.serving._contract import Listener
from headrace.serving._credentials import EVERYBODY, view_of
from headrace.serving.answering import ask
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, Reply
from headrace.serving.http import Door
from headrace.serving.inference import describe_model, describe_server, which_of
from headrace.serving.tracing import Trace

__all__ = ["Grpc"]

_SERVICE = f"/{INFERENCE}.GRPCInferenceService/"
_HEALTH = f"/{HEALTH}.Health/"
_OPEN = (f"{_SERVICE}ServerLive", f"{_SERVICE}ServerReady", f"{_HEALTH}Check")
_INFER = f"{_SERVICE}ModelInfer"
_THREADS = 64  # most of which wait, for a message or for one of those that run
_MOST_CALLS = 1024  # of one connection at a time; further ones wait there


class Grpc(Listener):
    """A gRPC server over the endpoints of a worker.

    Parameters
    ----------
    door : Door
        The worker's: its endpoints, and whether it takes requests now.
    host : str
        The address to bind.
    port : int
        The TCP port, which other workers bind too.
    body_bytes : int
        The largest message that is read.
    timeout_s : float
        How long a message may take to come.
    tls : list of str, optional
        The files of certificate, key, and of the certificates that clients' are signed by ("" = none is asked for);
        without it the port speaks no TLS.

    Who may ask what is for the door to say, as over HTTP. Raises StoreError where the port cannot be bound.
    """

    def __init__(
        self,
        door: Door,
        *,
        host: str,
        port: int,
        body_bytes: int,
        timeout_s: float = 30.0,
        tls: list[str] | None = None,
    ) -> None:
        self._door, self._patience = door, Patience(timeout_s)
        self._methods: dict[str, Callable[[Call], bytes]] = {
            f"{_SERVICE}ServerLive": self._server_live,
            f"{_SERVICE}ServerReady": self._server_ready,
            f"{_SERVICE}ServerMetadata": self._server_metadata,
            f"{_SERVICE}ModelReady": self._model_ready,
            f"{_SERVICE}ModelMetadata": self._model_metadata,
            _INFER: self._infer,
            f"{_HEALTH}Check": self._check,
        }
        # Who is sent away, or asks whether it is alive, need not wait for a thread that answers. Where grpcio should
        # know no such attribute any more, they wait.
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="grpc-door")
        self._denied, self._full = (_on(self._quick, one) for one in (deny, turn_away))
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="grpc"),
            handlers=[_Handlers(self)],
            options=[
                ("grpc.max_concurrent_streams", _MOST_CALLS),
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", 16 * 1024),
            ],
        )
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = (
                self._server.add_insecure_port(place)
                if tls is None
                else self._server.add_secure_port(place, _credentials(*tls))
            )
        except RuntimeError as error:
            raise StoreError(f"cannot listen on {place} for gRPC: {error}") from error
        if not bound:
            raise StoreError(f"cannot listen on {place} for gRPC")

    def start(self) -> None:
        """Take calls from now on."""
        self._patience.start()
        self._server.start()

    def stop(self, grace_s: float) -> None:
        """Take no new call, finish those that run, for at most that long, and end."""
        self._server.stop(grace_s).wait()
        self._patience.stop()
        self._quick.shutdown(wait=False)

    def handler(self, method: str, metadata: Any) -> Any:
        """What answers a call of a method: deny by default."""
        person = EVERYBODY
        if method not in _OPEN:
            given = next((value for key, value in metadata if key == "authorization"), None)
            admitted = self._door.credentials.admit(given if isinstance(given, str) else None)
            if admitted is None:
                return self._denied
            person = admitted
        found = self._methods.get(method)
        if found is None:
            return None  # UNIMPLEMENTED
        # As a stream of one message, which is the same on the wire: grpcio would read it whole before it asks us, and
        # who may not call need not be listened to, nor anybody for ever.
        patience = None if method in _OPEN[:2] else self._patience  # whether it is alive needs no message
        capacity = self._door.capacity if method == _INFER else None  # what a server is, it says when it is full too
        if capacity is not None and capacity.enter():
            return self._full
        serving = view_of(self._door.serving, person)
        trace = None
        if capacity is not None and self._door.serving.tracer is not None:
            told = {key: value for key, value in metadata if key in ("traceparent", "tracestate")}
            trace = Trace(
                "grpc", "", method, told.get("traceparent", ""), told.get("tracestate", ""), perf_counter_ns()
            )
        answer = guarded(found, serving, person, patience, capacity, trace)
        return _on(self._quick, answer) if patience is None else grpc.stream_unary_rpc_method_handler(answer)

    def _is_ready(self) -> bool:
        door = self._door
        return bool(door.is_ready and not door.is_draining and door.serving.endpoints)

    def _server_live(self, _call: Call) -> bytes:
        return bytes(message("ServerLiveResponse")(live=True).SerializeToString())

    def _server_ready(self, _call: Call) -> bytes:
        return bytes(message("ServerReadyResponse")(ready=self._is_ready()).SerializeToString())

    def _server_metadata(self, _call: Call) -> bytes:
        return bytes(message("ServerMetadataResponse")(**describe_server()).SerializeToString())

    def _model_ready(self, call: Call) -> bytes:
        request = parse("ModelReadyRequest", call.data)
        try:
            _find(call.serving, request)
            is_ready = True
        except NotAccepted:
            is_ready = False
        return bytes(message("ModelReadyResponse")(ready=is_ready).SerializeToString())

    def _model_metadata(self, call: Call) -> bytes:
        request = parse("ModelMetadataRequest", call.data)
        plain = describe_model(_find(call.serving, request))
        for one in (*plain["inputs"], *plain["outputs"]):
            del one["parameters"]  # the message has no place for them
        return bytes(message("ModelMetadataResponse")(**plain).SerializeToString())

    def _infer(self, call: Call) -> bytes:
        serving, context = call.serving, call.context
        request = parse_infer(call.data)
        version, label = which_of(serving, request.model_name, request.model_version)
        inference = read_infer(request, serving.max_rows)

        def write(reply: Reply) -> bytes:
            context.set_trailing_metadata(reply.headers)
            if reply.problem is not None:
                raise reply.problem
            return write_infer(inference, reply)

        unit = ""
        if serving.routes:
            unit = next((value for key, value in context.invocation_metadata() if key == "headrace-unit"), "")
        who = (call.deadline_ns, call.person.name, call.trace)
        asking = Asking(request.model_name, inference.lanes, call.started_ns, unit, version, label, *who)
        return ask(serving, asking, write)  # type: ignore[return-value]  # on a thread of its own nothing waits

    def _check(self, call: Call) -> bytes:
        service = message("HealthCheckRequest", HEALTH).FromString(call.data).service
        if service not in ("", f"{INFERENCE}.GRPCInferenceService", f"{HEALTH}.Health"):
            call.context.abort(CODES.NOT_FOUND, f"no service named {service[:100]!r}")
        status = "SERVING" if self._is_ready() else "NOT_SERVING"
        return bytes(message("HealthCheckResponse", HEALTH)(status=status).SerializeToString())


def _find(serving: Serving, request: Any) -> Served:
    return serving.find(request.name, *which_of(serving, request.name, request.version))


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    def __init__(self, listener: Grpc) -> None:
        self._listener = listener

    def service(self, handler_call_details: Any) -> Any:
        """What answers a call, or None where nobody does."""
        return self._listener.handler(handler_call_details.method, handler_call_details.invocation_metadata)


def _on(pool: ThreadPoolExecutor, answer: Callable[[Any, Any], bytes]) -> Any:
    """A handler that runs on threads of its own (an attribute that grpcio calls experimental)."""

    def behavior(requests: Any, context: Any) -> bytes:
        return answer(requests, context)

    behavior.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.stream_unary_rpc_method_handler(behavior)


def _credentials(cert: str, key: str, client_ca: str) -> Any:
    """What TLS needs; the files were checked before the worker was started."""
    pair = (Path(key).read_bytes(), Path(cert).read_bytes())
    authority = Path(client_ca).read_bytes() if client_ca else None
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=bool(client_ca))
