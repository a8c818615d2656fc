"""The door of gRPC is HTTP's: quotas, the bounds on what waits, and deadlines, each with its code, hint and count."""

import asyncio
import threading
from contextlib import contextmanager

import onnx
import pytest

grpc = pytest.importorskip("grpc")

from headrace.access import Tokens  # noqa: E402  # behind the check that grpcio is installed
from headrace.adapters.grpc import calls  # noqa: E402
from headrace.adapters.grpc.listener import Grpc  # noqa: E402
from headrace.model import Model  # noqa: E402
from headrace.serving.capacity import Capacity, Quotas  # noqa: E402
from headrace.serving.core import Served, Serving  # noqa: E402
from headrace.serving.http import Door  # noqa: E402
from headrace.serving.running import Runner  # noqa: E402
from tests.adapters.grpc.test_listener import BODY_BYTES, CODES, SERVICE, Caller, free_port, raw_request  # noqa: E402
from tests.serving.conftest import pushed, running, wait_until  # noqa: E402, F401  # a fixture
from tests.serving.test_hostile import endless  # noqa: E402


@contextmanager
def listening(pushed, home=None, *, quotas=(), **bounds):  # noqa: F811
    """A listener over endpoint `late`: where it is, and its door."""
    serving = Serving()
    serving.flip(Served("late", 1, pushed.model.digest, pushed.model))
    serving.quotas = Quotas(quotas, num_workers=1) if quotas else None
    capacity = Capacity(**{"most_requests": 64, "most_bytes": 1 << 20, "most_wait_s": 10.0, **bounds})
    door = Door(serving, body_bytes=BODY_BYTES, hosts=None, token="", home=home, capacity=capacity)
    door.is_ready = True
    place = f"127.0.0.1:{free_port()}"
    listener = Grpc(door, host="127.0.0.1", port=int(place.rpartition(":")[2]), body_bytes=BODY_BYTES)
    listener.start()
    try:
        yield place, door
    finally:
        listener.stop(1.0)


def refused(caller, request, **more):
    """(code, trailing metadata) of a call that fails."""
    with pytest.raises(grpc.RpcError) as error:
        caller.call("ModelInfer", request, **more)
    return error.value.code(), dict(error.value.trailing_metadata() or ())


@contextmanager
def silent(place, number):
    """So many calls that were made and whose message does not come."""
    over = threading.Event()

    def never():
        over.wait(60)
        yield b""

    slow = Caller(place).channel.stream_unary(SERVICE + "ModelInfer")
    futures = [slow.future(never(), wait_for_ready=True) for _ in range(number)]
    try:
        yield
    finally:
        over.set()
        for one in futures:
            one.exception(timeout=60)


def test_a_full_house(pushed):  # noqa: F811
    """Beyond the bound a call is UNAVAILABLE at once, says when to come back and is counted; HTTP has no room too.

    So it is while every thread that answers waits for a message, and whether it is alive is answered too.
    """
    request = raw_request(pushed.table.slice(0, 1))
    with listening(pushed, most_requests=64) as (place, door):
        capacity, caller = door.capacity, Caller(place)
        with silent(place, 64):
            wait_until(lambda: capacity.num_under_way == 64)
            code, told = refused(caller, request)
            assert code is CODES.UNAVAILABLE
            assert told["retry-after"] == "1" and told["grpc-retry-pushback-ms"] == "1000"
            assert capacity.turned_away["requests"] == 1
            capacity.num_running += 1
            assert capacity.why_not(1) == "requests"
            capacity.num_running -= 1
            assert caller.call("ServerLive"), "that it is alive, it says when it is full too"
        wait_until(lambda: capacity.num_under_way == 0)
        assert caller.call("ModelInfer", request), "who left makes room"


def test_bytes_are_bounded(pushed):  # noqa: F811
    """A message that there is no room for is not looked at; one that there is, is, and gives its room back."""
    with listening(pushed, most_bytes=4000) as (place, door):
        caller = Caller(place)
        large = raw_request(pushed.table)
        assert len(large.SerializeToString()) > 4000
        code, told = refused(caller, large)
        assert code is CODES.UNAVAILABLE and told["retry-after"] == "1"
        assert door.capacity.turned_away["bytes"] == 1
        for _ in range(20):
            caller.call("ModelInfer", raw_request(pushed.table.slice(0, 1)))
        wait_until(lambda: door.capacity.num_under_way == 0)
        assert door.capacity.why_not(4000) == ""


def test_quotas(pushed, tmp_path):  # noqa: F811
    """The quota of an endpoint and of a token: RESOURCE_EXHAUSTED, with when to come back, counted as HTTP's are."""
    secret = Tokens(tmp_path).add("shop", "client", asks=["late"])[1]
    request = raw_request(pushed.table.slice(0, 1))
    with listening(pushed, tmp_path, quotas=["late: 100", "token shop: 1"]) as (place, door):
        shop = Caller(place, (("authorization", f"Bearer {secret}"),))
        assert shop.call("ModelInfer", request)
        code, told = refused(shop, request)
        assert code is CODES.RESOURCE_EXHAUSTED and told["retry-after"] == "1"
        assert 1 <= int(told["grpc-retry-pushback-ms"]) <= 1000
        assert door.capacity.turned_away["quota"] == 1
        assert Caller(place).code("ModelInfer", request)[0] is CODES.UNAUTHENTICATED


def test_a_deadline_is_heeded_where_it_waits(pushed, monkeypatch):  # noqa: F811
    """A call whose time is over before its turn is not answered, is counted, and holds nothing."""
    turns = threading.BoundedSemaphore(1)
    monkeypatch.setattr(calls, "_RUNNING", turns)
    with listening(pushed) as (place, door):
        caller = Caller(place)
        request = raw_request(pushed.table.slice(0, 1)).SerializeToString()
        assert caller.call("ModelInfer", request)
        with turns:
            late = caller.channel.unary_unary(SERVICE + "ModelInfer")
            with pytest.raises(grpc.RpcError) as error:
                late(request, timeout=0.5)
            assert error.value.code() is CODES.DEADLINE_EXCEEDED
            wait_until(lambda: door.capacity.num_under_way == 0)
        assert door.capacity.turned_away["time"] == 1
        assert caller.call("ModelInfer", request)


def test_a_run_that_nobody_waits_for_is_ended(pushed):  # noqa: F811
    """A caller that hangs up, or whose deadline is over, takes its endless run with it; the thread answers others."""
    graph = onnx.load_from_string(pushed.model.onnx)
    endless(graph)
    request = raw_request(pushed.table.slice(0, 1))
    named = raw_request(pushed.table.slice(0, 1))
    named.model_name = "endless"
    with listening(pushed) as (place, door):
        model = Model(graph.SerializeToString(), pushed.model.signature, golden=pushed.model.golden)
        serving = door.serving
        serving.flip(Served("endless", 1, "1" * 64, model))
        serving.runner = Runner(asyncio.new_event_loop(), timeout_s=600.0, capacity=door.capacity)
        serving.num_others = lambda: 0
        caller = Caller(place)
        call = caller.channel.unary_unary(SERVICE + "ModelInfer")
        hung_up = [call.future(named.SerializeToString(), wait_for_ready=True) for _ in range(4)]
        wait_until(lambda: door.capacity.num_under_way == 4)
        for one in hung_up:
            one.cancel()
        wait_until(lambda: door.capacity.num_under_way == 0)
        with pytest.raises(grpc.RpcError) as error:
            call(named.SerializeToString(), timeout=0.5)
        assert error.value.code() is CODES.DEADLINE_EXCEEDED
        wait_until(lambda: door.capacity.num_under_way == 0)
        for _ in range(5):
            assert caller.call("ModelInfer", request)


def test_metrics_count_both(pushed):  # noqa: F811
    """`/metrics` of a real server has what gRPC turned away beside what HTTP did."""
    port = free_port()
    request = raw_request(pushed.table.slice(0, 1))
    environment = {"HEADRACE_QUOTAS": "late: 1"}
    with running(pushed.home, "--grpc-port", str(port), environment=environment) as (client, _):
        caller = Caller(f"127.0.0.1:{port}")
        codes = []
        for _ in range(20):  # a second is long on a machine that does other work
            try:
                caller.call("ModelInfer", request)
            except grpc.RpcError as error:
                codes.append(error.code())
        assert codes and set(codes) == {CODES.RESOURCE_EXHAUSTED}

        def counted():
            """The turned away are in /metrics."""
            return f'headrace_turned_away_total{{bound="quota"}} {len(codes)}\n' in client.get("/metrics").text

        wait_until(counted)
