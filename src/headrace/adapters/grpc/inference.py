"""ModelInfer: a message into tensors, and an answer into a message.

Tensors come as `contents`, or all of them as `raw_input_contents`, and the answer goes out the way the request came.
FP16 and BF16 have no field of their own and come raw.
"""

from __future__ import annotations

from typing import Any

from headrace.adapters.grpc.messages import message
from headrace.errors import InvalidRequest
from headrace.serving.exchange import Reply
from headrace.serving.inference import OUTPUT, Inference, check_parameters
from headrace.serving.tensors import MOST_VALUES, Tensor, check_head, datatype_of, read_list, read_raw, write_raw

__all__ = ["parse_infer", "read_infer", "write_infer"]

_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
# A message of nothing but empty tensors takes forty times its bytes once it is parsed: those that could are looked
# through first, field by field.
_LOOK_BYTES = 64 * 1024
_MOST_FIELDS = 10_000


def _check_fields(data: bytes) -> None:
    """Raise InvalidRequest for a message of more fields than any request has; what is no message the parser tells."""
    place, num_fields = 0, 0
    while place < len(data):
        kind, place = data[place] & 7, place + 1
        while place <= len(data) and data[place - 1] > 127:  # the rest of the tag
            place += 1
        if kind == 2:
            size, shift = 0, 0
            while place < len(data) and shift < 70:
                byte, place = data[place], place + 1
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            place += size
        elif kind == 0:
            while place < len(data) and data[place] > 127:
                place += 1
            place += 1
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            return
        num_fields += 1
        if num_fields > _MOST_FIELDS:
            raise InvalidRequest(f"more than {_MOST_FIELDS:,} tensors", expected="one for each column")


def parse_infer(data: bytes) -> Any:
    """The message of a ModelInfer call. Raises InvalidRequest for what is none."""
    if len(data) > _LOOK_BYTES:
        _check_fields(data)
    return parse("ModelInferRequest", data)


def parse(name: str, data: bytes) -> Any:
    """A message of its bytes. Raises InvalidRequest for what is none."""
    try:
        return message(name).FromString(data)
    except Exception as error:  # protobuf's DecodeError, and UnicodeDecodeError for a text that is none
        raise InvalidRequest(f"the message is no {name}: {str(error)[:200]}") from None


def _plain(parameters: Any) -> dict[str, Any]:
    found = {}
    for name, value in parameters.items():
        choice = value.WhichOneof("parameter_choice")
        if choice is not None:
            found[name] = getattr(value, choice)
    return found


def read_infer(request: Any, max_rows: int) -> Inference:
    """A request of a message, for at most so many rows, read when a version asks for its lanes."""

    def read(inference: Inference) -> list[Tensor]:
        check_parameters(_plain(request.parameters), "the request")
        names = [(one.name, _plain(one.parameters)) for one in request.outputs]
        raw = request.raw_input_contents
        inference.ask_outputs(names, is_binary=len(raw) > 0)
        if not raw:
            return [_contents(one) for one in request.inputs]
        if len(raw) != len(request.inputs):
            raise InvalidRequest(
                f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs", expected="one for each, or none"
            )
        return [_raw(one, data) for one, data in zip(request.inputs, raw, strict=True)]

    inference = Inference(read, max_rows)
    inference.id = request.id or None
    return inference


def _check(one: Any) -> None:
    if one.parameters:
        check_parameters(_plain(one.parameters), f"tensor {one.name[:60]!r}")


def _raw(one: Any, data: bytes) -> Tensor:
    _check(one)
    if one.HasField("contents"):
        raise InvalidRequest(
            "contents and raw_input_contents", where=f"tensor {one.name[:60]!r}", expected="one of them"
        )
    return read_raw(one.name, one.datatype, list(one.shape), data)


def _contents(one: Any) -> Tensor:
    _check(one)
    shape = list(one.shape)
    count = check_head(one.name, one.datatype, shape)
    where, field = f"tensor {one.name[:60]!r}", _FIELDS.get(one.datatype)
    filled = [found.name for found, _ in one.contents.ListFields()]
    if field is None:
        raise InvalidRequest(f"{one.datatype} in contents", where=where, expected="raw_input_contents")
    if filled not in ([field], []):
        raise InvalidRequest(f"{one.datatype} in {', '.join(filled)}", where=where, expected=field)
    values = getattr(one.contents, field)
    if len(values) != count or count > MOST_VALUES:
        raise InvalidRequest(f"{len(values)} values for shape {shape}", where=where)
    if one.datatype == "BYTES":
        return Tensor(one.name, "BYTES", tuple(shape), list(values))
    return read_list(one.name, one.datatype, shape, list(values))


def write_infer(inference: Inference, reply: Reply) -> bytes:
    """The message of an answer."""
    prediction = reply.prediction
    datatype = datatype_of(prediction)
    told = message("ModelInferResponse")(
        model_name=reply.served.endpoint, model_version=str(reply.served.version), id=inference.id or ""
    )
    output = told.outputs.add(name=OUTPUT, datatype=datatype, shape=prediction.shape)
    if inference.is_binary_output or datatype not in _FIELDS:
        told.raw_output_contents.append(write_raw(prediction))
    else:
        values = prediction.reshape(-1)
        plain = [str(one).encode() for one in values.tolist()] if datatype == "BYTES" else values.tolist()
        getattr(output.contents, _FIELDS[datatype]).extend(plain)
    data: bytes = told.SerializeToString()
    return data
