"""Triton's half of the proof of the Open Inference Protocol, in .venvs/inference-clients, told what to do in a folder.

Its clients (HTTP, gRPC, both also asynchronous) ask a server of ours in every way they can; each answer is compared
with the bytes that the model was evaluated with.

    .venvs/inference-clients/bin/python proofs/_inference_clients.py FOLDER
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from _inference_asked import COLUMNS, TOKEN, TOLD, check, same, tell, tensors, turns
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException


def fails(what: str, status: str, call: Callable[[], Any]) -> None:
    """A call that must be refused with that status."""
    try:
        call()
    except InferenceServerException as error:
        check(what, status in str(error.status()), f"{error.status()} {error.message()[:200]}")
    else:
        check(what, False, "answered")


def http_inputs(module: Any, first: int, size: int, *, is_binary: bool) -> list[Any]:
    """The inputs of a request of Triton's HTTP client."""
    found = []
    for name, datatype, values in tensors(first, size):
        one = module.InferInput(name, list(values.shape), datatype)
        one.set_data_from_numpy(values, binary_data=is_binary)
        found.append(one)
    return found


def over_http() -> None:
    """Triton's HTTP client: JSON and binary, both ways, compressed, asynchronous."""
    client = triton_http.InferenceServerClient(TOLD["url"].removeprefix("http://"), concurrency=2)
    check("http health", client.is_server_live() and client.is_server_ready())
    check("http model ready", client.is_model_ready("late", headers=dict(TOKEN)))
    check("http model not there", not client.is_model_ready("other", headers=dict(TOKEN)))
    check("http metadata", client.get_server_metadata(headers=dict(TOKEN))["extensions"] == ["binary_tensor_data"])
    told = client.get_model_metadata("late", headers=dict(TOKEN))
    columns = [name for name in COLUMNS if not name.endswith(":present")]
    check("http metadata", [one["name"] for one in told["inputs"]] == columns, told)
    check("http metadata", told == client.get_model_metadata("late", "1", headers=dict(TOKEN)))
    for number, (first, size) in enumerate(turns(1)):
        is_binary, is_binary_back = number % 2 == 0, number % 4 < 2
        packed = (None, "gzip", "deflate")[number % 3]
        outputs = [triton_http.InferRequestedOutput("prediction", binary_data=is_binary_back)]
        more = {
            "outputs": outputs if number % 5 else None,
            "request_id": str(number),
            "headers": dict(TOKEN),
            "request_compression_algorithm": packed,
            "response_compression_algorithm": packed,
        }
        inputs = http_inputs(triton_http, first, size, is_binary=is_binary)
        answer = client.infer("late", inputs, model_version="1" if number % 7 == 0 else "", **more)
        same(f"http infer, {'binary' if is_binary else 'JSON'}", answer.as_numpy("prediction"), first, size)
        check("http id", answer.get_response()["id"] == str(number))
        if number % 10 == 0:
            later = client.async_infer("late", inputs, **more)
            same("http async_infer", later.get_result().as_numpy("prediction"), first, size)
    one = http_inputs(triton_http, 0, 1, is_binary=True)
    fails("http wrong name", "404", lambda: client.infer("other", one, headers=dict(TOKEN)))
    fails("http wrong version", "404", lambda: client.infer("late", one, model_version="9", headers=dict(TOKEN)))
    fails("http without token", "401", lambda: client.infer("late", one))
    fails("http missing tensor data", "400", lambda: client.infer("late", one[:0], headers=dict(TOKEN)))
    fails("http sequence", "400", lambda: client.infer("late", one, sequence_id=5, headers=dict(TOKEN)))
    wrong = triton_http.InferInput("delay", [1], "BYTES")
    wrong.set_data_from_numpy(np.array(["x"], object))
    fails("http wrong datatype", "400", lambda: client.infer("late", [wrong], headers=dict(TOKEN)))
    wanted = [triton_http.InferRequestedOutput("margin")]
    fails("http wrong output", "400", lambda: client.infer("late", one, outputs=wanted, headers=dict(TOKEN)))
    fails("http shared memory", "404", lambda: client.register_system_shared_memory("a", "/a", 8, headers=dict(TOKEN)))
    client.close()


async def over_http_asynchronously() -> None:
    """Triton's HTTP client for asyncio."""
    async with triton_http_aio.InferenceServerClient(TOLD["url"].removeprefix("http://")) as client:
        check("http aio ready", await client.is_server_ready())
        for number, (first, size) in enumerate(turns(2)):
            if number % 4 == 0:
                inputs = http_inputs(triton_http_aio, first, size, is_binary=number % 8 == 0)
                answer = await client.infer("late", inputs, headers=dict(TOKEN))
                same("http aio infer", answer.as_numpy("prediction"), first, size)


def grpc_inputs(first: int, size: int) -> list[Any]:
    """The inputs of a request of Triton's gRPC client, which sends all of them raw."""
    found = []
    for name, datatype, values in tensors(first, size):
        one = triton_grpc.InferInput(name, list(values.shape), datatype)
        one.set_data_from_numpy(values)
        found.append(one)
    return found


def over_grpc() -> None:
    """Triton's gRPC client: raw tensors, compressed, asynchronous, with time-outs."""
    client = triton_grpc.InferenceServerClient(TOLD["grpc"])
    check("grpc health", client.is_server_live() and client.is_server_ready())
    check("grpc model ready", client.is_model_ready("late", headers=dict(TOKEN)))
    told = client.get_model_metadata("late", headers=dict(TOKEN))
    columns = [name for name in COLUMNS if not name.endswith(":present")]
    check("grpc metadata", [one.name for one in told.inputs] == columns and told.platform == "onnx_onnxv1")
    check("grpc metadata", client.get_server_metadata(headers=dict(TOKEN)).name == "headrace")
    answers: list[Any] = []
    for number, (first, size) in enumerate(turns(3)):
        more = {
            "outputs": [triton_grpc.InferRequestedOutput("prediction")] if number % 2 else None,
            "request_id": str(number),
            "headers": dict(TOKEN),
            "compression_algorithm": (None, "gzip", "deflate")[number % 3],
            "client_timeout": 60,
        }
        inputs = grpc_inputs(first, size)
        answer = client.infer("late", inputs, **more)
        same("grpc infer", answer.as_numpy("prediction"), first, size)
        check("grpc id", answer.get_response().id == str(number))
        if number % 10 == 0:
            place = (first, size)
            client.async_infer(
                "late", inputs, lambda result, error, place=place: answers.append((result, error, place)), **more
            )
    one = grpc_inputs(0, 1)
    fails("grpc wrong name", "NOT_FOUND", lambda: client.infer("other", one, headers=dict(TOKEN)))
    fails("grpc wrong version", "NOT_FOUND", lambda: client.infer("late", one, model_version="9", headers=dict(TOKEN)))
    fails("grpc without token", "UNAUTHENTICATED", lambda: client.infer("late", one))
    fails("grpc sequence", "INVALID_ARGUMENT", lambda: client.infer("late", one, sequence_id=5, headers=dict(TOKEN)))
    fails("grpc repository", "UNIMPLEMENTED", lambda: client.get_model_repository_index(headers=dict(TOKEN)))
    fails("grpc shared memory", "UNIMPLEMENTED", lambda: client.get_system_shared_memory_status(headers=dict(TOKEN)))
    fails("grpc statistics", "UNIMPLEMENTED", lambda: client.get_inference_statistics(headers=dict(TOKEN)))
    client.close()
    for result, error, (first, size) in answers:
        same("grpc async_infer", None if error else result.as_numpy("prediction"), first, size)
    check("grpc async_infer", len(answers) == len(range(0, TOLD["turns"], 10)), len(answers))


async def over_grpc_asynchronously() -> None:
    """Triton's gRPC client for asyncio."""
    async with triton_grpc_aio.InferenceServerClient(TOLD["grpc"]) as client:
        check("grpc aio ready", await client.is_server_ready())
        for number, (first, size) in enumerate(turns(4)):
            if number % 4 == 0:
                answer = await client.infer("late", grpc_inputs(first, size), headers=dict(TOKEN))
                same("grpc aio infer", answer.as_numpy("prediction"), first, size)


def descriptions() -> None:
    """Our messages are those of the client's own description: names, numbers, types."""
    from headrace.adapters.grpc import messages

    def fields_of(descriptor: Any) -> dict[str, Any]:
        return {
            one.name: (one.number, one.type, one.is_repeated, one.message_type and one.message_type.full_name)
            for one in descriptor.fields
        }

    for path in messages._FIELDS[messages.INFERENCE]:
        ours = messages.message(path).DESCRIPTOR
        theirs = service_pb2.DESCRIPTOR.message_types_by_name[path.split(".")[0]]
        for name in path.split(".")[1:]:
            theirs = theirs.nested_types_by_name[name]
        mine, other = fields_of(ours), fields_of(theirs)
        check("descriptions", mine == {name: other.get(name) for name in mine}, f"{path}: {mine} {other}")
        check("descriptions", ours.full_name == theirs.full_name, path)
    sent = service_pb2.ModelInferRequest(model_name="late", id="7")
    sent.inputs.add(name="x", datatype="FP32", shape=[2]).contents.fp32_contents.extend([1.0, 2.0])
    sent.parameters["a"].string_param = "b"
    read = messages.message("ModelInferRequest").FromString(sent.SerializeToString())
    check("descriptions", str(read) == str(sent))
    check("descriptions", service_pb2.ModelInferRequest.FromString(read.SerializeToString()) == sent)


def main() -> None:
    """All of it."""
    descriptions()
    over_http()
    asyncio.run(over_http_asynchronously())
    over_grpc()
    asyncio.run(over_grpc_asynchronously())
    tell()


if __name__ == "__main__":
    main()
