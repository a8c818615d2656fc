"""gRPC: the evaluated predictions, raw and in contents; every wrong call has its code; nothing is open but health."""

import socket
import threading
import zlib

import numpy as np
import pytest

grpc = pytest.importorskip("grpc")

from headrace.adapters.grpc.listener import Grpc  # noqa: E402  # behind the check that grpcio is installed
from headrace.adapters.grpc.messages import HEALTH, INFERENCE, message  # noqa: E402
from headrace.serving.core import Refusal, Served, Serving  # noqa: E402
from headrace.serving.http import Door  # noqa: E402
from tests.serving.asked import json_request, raw_tensors, values_of  # noqa: E402
from tests.serving.conftest import pushed, running  # noqa: E402, F401  # a fixture

SERVICE = f"/{INFERENCE}.GRPCInferenceService/"
CODES = grpc.StatusCode
FIELDS = {"FP64": "fp64_contents", "INT64": "int64_contents", "INT32": "int_contents", "BOOL": "bool_contents"}
BODY_BYTES = 1 << 20


class Caller:
    """A client of a listener."""

    def __init__(self, place: str, metadata=()) -> None:
        self.channel = grpc.insecure_channel(place, options=[("grpc.use_local_subchannel_pool", 1)])
        self.metadata = metadata

    def call(self, method, request=b"", answer=None, **more):
        """Call a method with a message or bytes; the answer as a message, or its bytes."""
        path = method if method.startswith("/") else SERVICE + method
        data = request if isinstance(request, bytes) else request.SerializeToString()
        found = self.channel.unary_unary(path)(data, metadata=self.metadata, timeout=60, wait_for_ready=True, **more)
        return found if answer is None else message(answer).FromString(found)

    def code(self, method, request=b"", **more):
        """The code of a call that fails, and what it says."""
        with pytest.raises(grpc.RpcError) as error:
            self.call(method, request, **more)
        return error.value.code(), error.value.details()


@pytest.fixture(scope="module")
def caller(pushed):  # noqa: F811
    """A client of a listener in this process."""
    serving = Serving()
    serving.flip(Served("late", 1, pushed.model.digest, pushed.model))
    serving.refuse("broken", Refusal(1, "0" * 64, "another host"))
    door = Door(serving, body_bytes=BODY_BYTES, hosts=None, token="")
    door.is_ready = True
    port = free_port()
    listener = Grpc(door, host="127.0.0.1", port=port, body_bytes=BODY_BYTES)
    listener.start()
    yield Caller(f"127.0.0.1:{port}")
    listener.stop(1.0)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raw_request(table, **more):
    """The rows of a table, raw."""
    request = message("ModelInferRequest")(model_name="late", **more)
    for name, datatype, shape, data in raw_tensors(table):
        request.inputs.add(name=name, datatype=datatype, shape=shape)
        request.raw_input_contents.append(data)
    return request


def contents_request(table):
    """The rows of a table without nulls, in contents."""
    request = message("ModelInferRequest")(model_name="late")
    for one in json_request(table)["inputs"]:
        made = request.inputs.add(name=one["name"], datatype=one["datatype"], shape=one["shape"])
        if one["datatype"] == "BYTES":
            made.contents.bytes_contents.extend(text.encode() for text in one["data"])
        else:
            getattr(made.contents, FIELDS[one["datatype"]]).extend(one["data"])
    return request


@pytest.mark.parametrize("size", [1, 5, 400])
def test_infer_equals_predict(caller, pushed, size):  # noqa: F811
    """Raw tensors, nulls among them, give the bytes that the model was evaluated with."""
    for start in range(0, 400 if size > 1 else 20, size):
        answer = caller.call("ModelInfer", raw_request(pushed.table.slice(start, size), id="7"), "ModelInferResponse")
        assert (answer.model_name, answer.model_version, answer.id) == ("late", "1", "7")
        output = answer.outputs[0]
        assert (output.name, output.datatype, list(output.shape)) == ("prediction", "FP32", [size])
        assert answer.raw_output_contents[0] == pushed.expected[start : start + size].astype(np.float32).tobytes()


def test_contents_are_answered_in_contents(caller, pushed):  # noqa: F811
    """Typed contents are the same request, and their answer has typed contents."""
    table = pushed.table
    for name in table.column_names:
        table = table.filter(table[name].is_valid())
    answer = caller.call("ModelInfer", contents_request(table), "ModelInferResponse")
    found = np.array(answer.outputs[0].contents.fp32_contents, np.float32)
    raw = caller.call("ModelInfer", raw_request(table), "ModelInferResponse")
    assert found.tobytes() == raw.raw_output_contents[0] and not answer.raw_output_contents
    assert values_of(table, "delay") and len(found) == table.num_rows


def test_the_other_methods(caller):
    """Health, readiness and metadata; what is not done here is UNIMPLEMENTED."""
    assert caller.call("ServerLive", answer="ServerLiveResponse").live
    assert caller.call("ServerReady", answer="ServerReadyResponse").ready
    assert list(caller.call("ServerMetadata", answer="ServerMetadataResponse").extensions) == ["binary_tensor_data"]
    of_late = message("ModelReadyRequest")(name="late", version="1")
    assert caller.call("ModelReady", of_late, "ModelReadyResponse").ready
    assert not caller.call("ModelReady", message("ModelReadyRequest")(name="broken"), "ModelReadyResponse").ready
    plain = caller.call("ModelMetadata", message("ModelMetadataRequest")(name="late"), "ModelMetadataResponse")
    assert [(one.name, one.datatype, list(one.shape)) for one in plain.inputs][:2] == [
        ("delay", "FP64", [-1]),
        ("carrier", "BYTES", [-1]),
    ]
    check = message("HealthCheckRequest", HEALTH)
    for service in ("", f"{INFERENCE}.GRPCInferenceService"):
        found = caller.call(f"/{HEALTH}.Health/Check", check(service=service))
        assert message("HealthCheckResponse", HEALTH).FromString(found).status == 1
    assert caller.code(f"/{HEALTH}.Health/Check", check(service="x"))[0] is CODES.NOT_FOUND
    for method in ("SystemSharedMemoryRegister", "RepositoryIndex", "ModelStreamInfer"):
        assert caller.code(method)[0] is CODES.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda r: r.raw_input_contents.pop(), "INVALID_ARGUMENT", "raw_input_contents for"),
        (
            lambda r: r.inputs[0].contents.fp64_contents.append(1.0),
            "INVALID_ARGUMENT",
            "contents and raw_input_contents",
        ),
        (lambda r: r.inputs[0].contents.SetInParent(), "INVALID_ARGUMENT", "contents and raw_input_contents"),
        (lambda r: r.inputs[0].shape.append(1 << 62), "INVALID_ARGUMENT", "at most 8,388,608"),
        (lambda r: r.inputs[0].shape.append(-1), "INVALID_ARGUMENT", "a dimension of -1"),
        (lambda r: setattr(r.inputs[0], "datatype", "FP99"), "INVALID_ARGUMENT", "FP99"),
        (lambda r: r.outputs.add(name="margin"), "INVALID_ARGUMENT", "margin"),
        (lambda r: setattr(r.parameters["sequence_id"], "int64_param", 5), "INVALID_ARGUMENT", "sequence_id"),
        (
            lambda r: setattr(r.inputs[0].parameters["shared_memory_region"], "string_param", "x"),
            "INVALID_ARGUMENT",
            "shared_memory_region",
        ),
        (lambda r: setattr(r, "model_name", "lat"), "NOT_FOUND", "did you mean 'late'"),
        (lambda r: setattr(r, "model_version", "7"), "NOT_FOUND", "no version named '7'"),
        (lambda r: setattr(r, "model_name", "broken"), "UNAVAILABLE", "another host"),
        (lambda r: r.raw_input_contents.append(b"x" * BODY_BYTES), "RESOURCE_EXHAUSTED", "arger than max"),
    ],
)
def test_wrong_calls_have_their_codes(caller, pushed, change, code, said):  # noqa: F811
    """What is wrong is named, and is never our fault."""
    request = raw_request(pushed.table.slice(0, 3))
    change(request)
    found, details = caller.code("ModelInfer", request)
    assert found.name == code and said in details


def test_wrong_contents_are_refused(caller, pushed):  # noqa: F811
    """A field of another type, too few values, a value beyond its datatype, FP16 in contents."""
    for change, said in (
        (lambda one: one.contents.int64_contents.append(1), "FP64 in"),
        (lambda one: one.contents.fp64_contents.append(1.0), "2 values for shape [1]"),
        (lambda one: one.contents.ClearField("fp64_contents"), "0 values for shape [1]"),
        (lambda one: setattr(one, "datatype", "FP16"), "FP16 in contents"),
        (
            lambda one: (
                setattr(one, "datatype", "INT8"),
                one.contents.ClearField("fp64_contents"),
                one.contents.int_contents.append(128),
            ),
            "-128 to 127",
        ),
    ):
        request = message("ModelInferRequest")(model_name="late")
        one = request.inputs.add(name="delay", datatype="FP64", shape=[1])
        one.contents.fp64_contents.append(1.0)
        change(one)
        code, details = caller.code("ModelInfer", request)
        assert code is CODES.INVALID_ARGUMENT and said in details, details
    for data in (b"\xff\xff", b"\x0a\x02\xff\xfe", b"\x2a\x00" * 40_000):
        assert caller.code("ModelInfer", data)[0] is CODES.INVALID_ARGUMENT


def test_a_compressed_bomb_is_refused(caller):
    """A message that is small on the wire and large once inflated is not read."""
    request = message("ModelInferRequest")(model_name="late")
    request.raw_input_contents.append(b"\0" * (4 * BODY_BYTES))
    assert len(zlib.compress(request.SerializeToString())) < BODY_BYTES
    code, _ = caller.code("ModelInfer", request, compression=grpc.Compression.Gzip)
    assert code is CODES.RESOURCE_EXHAUSTED


def test_a_message_that_never_comes_holds_nothing(caller):
    """Calls without a message are ended in time, and others are answered meanwhile."""
    port = free_port()
    door = Door(Serving(), body_bytes=BODY_BYTES, hosts=None, token="")
    listener = Grpc(door, host="127.0.0.1", port=port, body_bytes=BODY_BYTES, timeout_s=1.0)
    listener.start()
    over = threading.Event()

    def never():
        over.wait(60)
        yield b""

    slow = Caller(f"127.0.0.1:{port}").channel.stream_unary(SERVICE + "ServerMetadata")
    silent = [slow.future(never(), wait_for_ready=True) for _ in range(10)]
    assert Caller(f"127.0.0.1:{port}").call("ServerLive", answer="ServerLiveResponse").live
    assert {one.exception(timeout=50).code() for one in silent} <= {CODES.CANCELLED, CODES.UNKNOWN}
    over.set()
    listener.stop(1.0)


def test_server_with_a_token(pushed, tmp_path):  # noqa: F811
    """`headrace serve --grpc-port`: two workers share the port, every method but health asks for the token."""
    environment = {"HEADRACE_TOKEN": "s3cret"}
    port = free_port()
    with running(pushed.home, "--grpc-port", str(port), workers=2, environment=environment) as (client, process):
        assert client.get("/health/live").status_code == 200
        place = f"127.0.0.1:{port}"
        stranger = Caller(place)
        assert stranger.call("ServerReady", answer="ServerReadyResponse").ready
        assert stranger.call(f"/{HEALTH}.Health/Check")
        for method in ("ServerMetadata", "ModelMetadata", "ModelReady", "ModelInfer", "RepositoryIndex", "/a/b"):
            assert stranger.code(method)[0] is CODES.UNAUTHENTICATED
        wrong = Caller(place, (("authorization", "Bearer wrong"),))
        assert wrong.code("ModelInfer")[0] is CODES.UNAUTHENTICATED
        expected = pushed.expected[:37].astype(np.float32).tobytes()
        request = raw_request(pushed.table.slice(0, 37))
        for _ in range(6):  # a connection each
            known = Caller(place, (("authorization", "Bearer s3cret"),))
            assert known.call("ModelInfer", request, "ModelInferResponse").raw_output_contents[0] == expected
            known.channel.close()
        assert process.poll() is None
    assert process.returncode == 0
