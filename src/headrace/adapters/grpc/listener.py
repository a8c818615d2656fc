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
| RESOURCE_EXHAUSTED | the message is larger than the setting body_mb, or more calls wait than may |
| UNAVAILABLE | the endpoint has no version that could be loaded |
| UNIMPLEMENTED | shared memory, repositories, streams, Health/Watch: by design |
| INTERNAL | our fault; the message carries an id, the log the details |

Calls are answered on threads, a few at a time: a call costs half the processor time that it costs on the worker's own
loop (measured with grpcio 1.85: 122 us to 244 us for one that does nothing). One whose caller is gone, or whose
deadline is over, by the time a thread has time for it, is dropped; one whose message does not come within
client_timeout_s is ended, and who may not call is not listened to.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import grpc

from headrace.adapters.grpc.inference import parse, parse_infer, read_infer, write_infer
from headrace.adapters.grpc.messages import HEALTH, INFERENCE, message
from headrace.errors import DeadlineExceeded, InvalidInput, NotAccepted, StoreError, TooManyRequests, UnknownName
from headrace.progress import say
from headrace.serving._contract import Listener
from headrace.serving._credentials import EVERYBODY, Forbidden, view_of
from headrace.serving.answering import ask
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, Reply
from headrace.serving.http import Door
from headrace.serving.inference import describe_model, describe_server, which_of

__all__ = ["Grpc"]

_SERVICE = f"/{INFERENCE}.GRPCInferenceService/"
_HEALTH = f"/{HEALTH}.Health/"
_OPEN = (f"{_SERVICE}ServerLive", f"{_SERVICE}ServerReady", f"{_HEALTH}Check")
_THREADS = 64  # most of which wait, for a message or for one of those that run
_RUNNING = threading.BoundedSemaphore(4)
_MOST_CALLS = 1024
_CODES = grpc.StatusCode


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
        self._door, self._patience = door, _Patience(timeout_s)
        self._methods: dict[str, Callable[[bytes, Any, Serving], bytes]] = {
            f"{_SERVICE}ServerLive": self._server_live,
            f"{_SERVICE}ServerReady": self._server_ready,
            f"{_SERVICE}ServerMetadata": self._server_metadata,
            f"{_SERVICE}ModelReady": self._model_ready,
            f"{_SERVICE}ModelMetadata": self._model_metadata,
            f"{_SERVICE}ModelInfer": self._infer,
            f"{_HEALTH}Check": self._check,
        }
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="grpc"),
            handlers=[_Handlers(self)],
            maximum_concurrent_rpcs=_MOST_CALLS,
            options=[
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

    def handler(self, method: str, metadata: Any) -> Any:
        """What answers a call of a method: deny by default."""
        person = EVERYBODY
        if method not in _OPEN:
            given = next((value for key, value in metadata if key == "authorization"), None)
            admitted = self._door.credentials.admit(given if isinstance(given, str) else None)
            if admitted is None:
                return grpc.stream_unary_rpc_method_handler(_deny)
            person = admitted
        found = self._methods.get(method)
        if found is None:
            return None  # UNIMPLEMENTED
        # As a stream of one message, which is the same on the wire: grpcio would read it whole before it asks us, and
        # who may not call need not be listened to, nor anybody for ever.
        listens = method not in _OPEN[:2]  # whether it is alive needs no message
        guarded = _guarded(found, view_of(self._door.serving, person), self._patience if listens else None)
        return grpc.stream_unary_rpc_method_handler(guarded)

    def _is_ready(self) -> bool:
        door = self._door
        return bool(door.is_ready and not door.is_draining and door.serving.endpoints)

    def _server_live(self, _data: bytes, _context: Any, _serving: Serving) -> bytes:
        return bytes(message("ServerLiveResponse")(live=True).SerializeToString())

    def _server_ready(self, _data: bytes, _context: Any, _serving: Serving) -> bytes:
        return bytes(message("ServerReadyResponse")(ready=self._is_ready()).SerializeToString())

    def _server_metadata(self, _data: bytes, _context: Any, _serving: Serving) -> bytes:
        return bytes(message("ServerMetadataResponse")(**describe_server()).SerializeToString())

    def _model_ready(self, data: bytes, _context: Any, serving: Serving) -> bytes:
        request = parse("ModelReadyRequest", data)
        try:
            _find(serving, request)
            is_ready = True
        except NotAccepted:
            is_ready = False
        return bytes(message("ModelReadyResponse")(ready=is_ready).SerializeToString())

    def _model_metadata(self, data: bytes, _context: Any, serving: Serving) -> bytes:
        request = parse("ModelMetadataRequest", data)
        plain = describe_model(_find(serving, request))
        for one in (*plain["inputs"], *plain["outputs"]):
            del one["parameters"]  # the message has no place for them
        return bytes(message("ModelMetadataResponse")(**plain).SerializeToString())

    def _infer(self, data: bytes, context: Any, serving: Serving) -> bytes:
        started_ns = perf_counter_ns()
        request = parse_infer(data)
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
        left_s = context.time_remaining()
        deadline_ns = 0 if left_s is None or left_s > 1e6 else started_ns + int(left_s * 1e9)
        asking = Asking(request.model_name, inference.lanes, started_ns, unit, version, label, deadline_ns)
        return ask(serving, asking, write)  # type: ignore[return-value]  # on a thread of its own nothing waits

    def _check(self, data: bytes, context: Any, _serving: Serving) -> bytes:
        service = message("HealthCheckRequest", HEALTH).FromString(data).service
        if service not in ("", f"{INFERENCE}.GRPCInferenceService", f"{HEALTH}.Health"):
            context.abort(_CODES.NOT_FOUND, f"no service named {service[:100]!r}")
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


def _deny(_requests: Any, context: Any) -> bytes:
    context.abort(_CODES.UNAUTHENTICATED, "a token is needed: authorization: Bearer ...")
    return b""


class _Patience:
    """Ends calls whose message does not come in time: a thread waits for each, and there are not endlessly many."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: dict[int, tuple[float, Any]] = {}
        self._is_over = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="grpc-patience", daemon=True).start()

    def stop(self) -> None:
        self._is_over.set()

    def _watch(self) -> None:
        while not self._is_over.wait(min(1.0, self._timeout_s / 4)):
            now = time.monotonic()
            for key, (until, context) in list(self._waiting.items()):
                if until < now and self._waiting.pop(key, None) is not None:
                    context.cancel()

    def read(self, requests: Any, context: Any) -> bytes | None:
        """The message; None where none came, or its caller is gone. Cost: 1 us."""
        key = id(context)
        self._waiting[key] = (time.monotonic() + self._timeout_s, context)
        try:
            data: bytes | None = next(requests, None)
        except Exception:  # grpcio raises its bare class where the call was ended meanwhile
            return None
        finally:
            self._waiting.pop(key, None)
        return data


def _credentials(cert: str, key: str, client_ca: str) -> Any:
    """What TLS needs; the files were checked before the worker was started."""
    pair = (Path(key).read_bytes(), Path(cert).read_bytes())
    authority = Path(client_ca).read_bytes() if client_ca else None
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=bool(client_ca))


def _guarded(
    answer: Callable[[bytes, Any, Serving], bytes], serving: Serving, patience: _Patience | None
) -> Callable[[Any, Any], bytes]:
    """The boundary between the caller's fault and ours, around a method."""

    def guarded(requests: Any, context: Any) -> bytes:
        data = b"" if patience is None else patience.read(requests, context)
        if data is None or not context.is_active():  # its caller is gone, or its time is over
            return b""
        try:
            with _RUNNING:
                return answer(data, context, serving)
        except Forbidden as error:
            code, said = _CODES.PERMISSION_DENIED, str(error)
        except UnknownName as error:
            code, said = _CODES.NOT_FOUND, str(error)
        except NotAccepted as error:
            code, said = _CODES.UNAVAILABLE, str(error)
        except InvalidInput as error:
            code, said = _CODES.INVALID_ARGUMENT, str(error)
        except DeadlineExceeded as error:
            code, said = _CODES.DEADLINE_EXCEEDED, str(error)
        except TooManyRequests as error:
            code, said = _CODES.RESOURCE_EXHAUSTED, str(error)
        except Exception:
            if context.code() is not None:  # ended on purpose
                raise
            number = uuid.uuid4().hex[:12]
            say(f"request {number} failed", request_id=number, details=traceback.format_exc())
            code, said = _CODES.INTERNAL, f"internal error {number}; the server's log has the details"
        context.abort(code, said)
        return b""

    return guarded
