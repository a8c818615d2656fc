"""The messages of the Open Inference Protocol over gRPC, and of gRPC's health check, built when they are first needed.

They are described here rather than generated: the numbers and types are what the wire has, and a test compares them
with those of Triton's client. They live in a pool of their own, so that a program that loads a client of the same
protocol has no two descriptions of one name.

Source: Open Inference Protocol, `open_inference_grpc.proto`; gRPC, "Health Checking Protocol".
"""

from __future__ import annotations

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["HEALTH", "INFERENCE", "message"]

INFERENCE = "inference"
HEALTH = "grpc.health.v1"

# Message -> its fields: "number type name", "*" before the type = repeated, "{}" = a map of texts to the type, and
# "|" = the one choice of a message.
_FIELDS: dict[str, dict[str, str]] = {
    INFERENCE: {
        "ServerLiveRequest": "",
        "ServerLiveResponse": "1 bool live",
        "ServerReadyRequest": "",
        "ServerReadyResponse": "1 bool ready",
        "ModelReadyRequest": "1 string name, 2 string version",
        "ModelReadyResponse": "1 bool ready",
        "ServerMetadataRequest": "",
        "ServerMetadataResponse": "1 string name, 2 string version, 3 *string extensions",
        "ModelMetadataRequest": "1 string name, 2 string version",
        "ModelMetadataResponse": (
            "1 string name, 2 *string versions, 3 string platform, 4 *.TensorMetadata inputs,"
            " 5 *.TensorMetadata outputs"
        ),
        "ModelMetadataResponse.TensorMetadata": "1 string name, 2 string datatype, 3 *int64 shape",
        "InferParameter": (
            "1 |bool bool_param, 2 |int64 int64_param, 3 |string string_param, 4 |double double_param,"
            " 5 |uint64 uint64_param"
        ),
        "InferTensorContents": (
            "1 *bool bool_contents, 2 *int32 int_contents, 3 *int64 int64_contents, 4 *uint32 uint_contents,"
            " 5 *uint64 uint64_contents, 6 *float fp32_contents, 7 *double fp64_contents, 8 *bytes bytes_contents"
        ),
        "ModelInferRequest": (
            "1 string model_name, 2 string model_version, 3 string id, 4 {}InferParameter parameters,"
            " 5 *.InferInputTensor inputs, 6 *.InferRequestedOutputTensor outputs, 7 *bytes raw_input_contents"
        ),
        "ModelInferRequest.InferInputTensor": (
            "1 string name, 2 string datatype, 3 *int64 shape, 4 {}InferParameter parameters,"
            " 5 InferTensorContents contents"
        ),
        "ModelInferRequest.InferRequestedOutputTensor": "1 string name, 2 {}InferParameter parameters",
        "ModelInferResponse": (
            "1 string model_name, 2 string model_version, 3 string id, 4 {}InferParameter parameters,"
            " 5 *.InferOutputTensor outputs, 6 *bytes raw_output_contents"
        ),
        "ModelInferResponse.InferOutputTensor": (
            "1 string name, 2 string datatype, 3 *int64 shape, 4 {}InferParameter parameters,"
            " 5 InferTensorContents contents"
        ),
    },
    HEALTH: {"HealthCheckRequest": "1 string service", "HealthCheckResponse": "1 =ServingStatus status"},
}
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")


def _add_field(package: str, into: Any, path: str, text: str) -> None:
    number, kind, name = text.split()
    field = into.field.add(name=name, number=int(number), label=1)
    if kind[0] == "*":
        field.label, kind = 3, kind[1:]
    if kind[0] == "|":
        if not into.oneof_decl:
            into.oneof_decl.add(name="parameter_choice")
        field.oneof_index, kind = 0, kind[1:]
    if kind[0] == "=":
        field.type, field.type_name = field.TYPE_ENUM, f".{package}.{path}.{kind[1:]}"
    elif kind[:2] == "{}":
        title = f"{name.title()}Entry"
        entry = into.nested_type.add(name=title)
        entry.options.map_entry = True
        _add_field(package, entry, f"{path}.{title}", "1 string key")
        _add_field(package, entry, f"{path}.{title}", f"2 {kind[2:]} value")
        field.label, field.type = 3, field.TYPE_MESSAGE
        field.type_name = f".{package}.{path}.{title}"
    elif kind[0] == ".":
        field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{path}{kind}"
    elif kind in _FIELDS[package]:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")


@functools.cache
def _pool(package: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"headrace/{package}.proto", package=package, syntax="proto3")
    made: dict[str, Any] = {}
    for path, fields in _FIELDS[package].items():
        outer, _, name = path.rpartition(".")
        into = made[outer].nested_type.add(name=name) if outer else file.message_type.add(name=name)
        made[path] = into
        for text in filter(None, fields.split(",")):
            _add_field(package, into, path, text)
        if path == "HealthCheckResponse":
            statuses = into.enum_type.add(name="ServingStatus")
            for number, word in enumerate(_STATUSES):
                statuses.value.add(name=word, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


@functools.cache
def message(name: str, package: str = INFERENCE) -> Any:
    """The class of a message.

    >>> message("ModelReadyRequest")(name="late").SerializeToString()
    b'\\n\\x04late'
    """
    return message_factory.GetMessageClass(_pool(package).FindMessageTypeByName(f"{package}.{name}"))
