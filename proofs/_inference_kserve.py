"""KServe's half of the proof of the Open Inference Protocol: its REST and gRPC clients; see `_inference_clients.py`.

.venvs/inference-clients/bin/python proofs/_inference_kserve.py FOLDER
"""

from __future__ import annotations

import asyncio

from _inference_asked import TOKEN, TOLD, check, same, tell, tensors, turns
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


def kserve_request(first: int, size: int, *, is_binary: bool) -> InferRequest:
    """The request of KServe's clients."""
    found = []
    for name, datatype, values in tensors(first, size):
        one = InferInput(name=name, shape=list(values.shape), datatype=datatype)
        one.set_data_from_numpy(values, binary_data=is_binary)
        found.append(one)
    return InferRequest(model_name="late", infer_inputs=found, request_id="k")


async def by_kserve() -> None:
    """KServe's clients, REST and gRPC."""
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    check("kserve rest health", await rest.is_server_live(TOLD["url"]) and await rest.is_server_ready(TOLD["url"]))
    check("kserve rest ready", await rest.is_model_ready(TOLD["url"], "late", headers=dict(TOKEN)))
    grpc = InferenceGRPCClient(TOLD["grpc"])
    check("kserve grpc health", await grpc.is_server_live() and await grpc.is_server_ready())
    metadata = list(TOKEN.items())
    check("kserve grpc ready", await grpc.is_model_ready("late", headers=metadata))
    for number, (first, size) in enumerate(turns(5)):
        if number % 4 == 0:
            is_binary = number % 8 == 0
            request = kserve_request(first, size, is_binary=is_binary)
            answer = await rest.infer(TOLD["url"], request, model_name="late", headers=dict(TOKEN))
            same(f"kserve rest, {'binary' if is_binary else 'JSON'}", answer.outputs[0].as_numpy(), first, size)
            answer = await grpc.infer(kserve_request(first, size, is_binary=is_binary), headers=metadata)
            same("kserve grpc", answer.outputs[0].as_numpy(), first, size)
    await rest.close()
    await grpc.close()


if __name__ == "__main__":
    asyncio.run(by_kserve())
    tell()
