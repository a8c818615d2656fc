"""One request of the Open Inference Protocol, whatever it came by: its tensors, its id, and what is asked back.

It is read when a version asks for its lanes, not before: what is wrong with it then is a reply with a problem, which is
logged under that version and carries its headers.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

from headrace.errors import InvalidRequest, UnknownName
from headrace.model.codec import parse_body
from headrace.serving.columns import datatype_of, lanes_of
from headrace.serving.core import Served, Serving
from headrace.serving.limits import check_json
from headrace.serving.tensors import DATATYPES, Tensor, read_list, read_raw

__all__ = ["OUTPUT", "Inference", "check_parameters", "describe_model", "describe_server", "which_of"]

OUTPUT = "prediction"
_SHAPE = '{"inputs": [{"name": ..., "shape": [N], "datatype": ..., "data": [...]}, ...]}'
_KEYS = {"id", "parameters", "inputs", "outputs", "model_name", "model_version"}
_INPUT_KEYS = {"name", "shape", "datatype", "parameters", "data"}
_KNOWN = ("binary_data_size", "binary_data", "binary_data_output")
_PLAIN = (str, bool, int, float)
# Nested data has a list for each value.
_LISTS_OF_A_ROW = 16
# What would change the meaning of an answer and is not done here: silence would be a lie.
_REFUSED = ("shared_memory", "sequence_", "classification")


class Inference:
    """A request, read once and only when it is asked for.

    Parameters
    ----------
    read : callable
        Gives the tensors, and sets `id` and `is_binary_output` where the request says so; raises InvalidRequest.
    max_rows : int
        How many rows it may ask about.

    `is_binary_output` is what the client asked for `prediction`; `id` is None where it sent none.
    """

    def __init__(
        self, read: Callable[[Inference], list[Tensor] | Callable[[Served], list[Tensor]]], max_rows: int
    ) -> None:
        self._read, self.max_rows = read, max_rows
        self.id: str | None = None
        self.is_binary_output = False

    @functools.cached_property
    def _tensors(self) -> list[Tensor] | Callable[[Served], list[Tensor]]:
        return self._read(self)

    def lanes(self, served: Served) -> Any:
        """The lanes of a version; raises InvalidRequest for what is no request of it."""
        tensors = self._tensors
        return lanes_of(served, tensors(served) if callable(tensors) else tensors, self.max_rows)

    @classmethod
    def of_http(cls, body: bytes, header: str | None, max_rows: int) -> Inference:
        """A request of a body, and the header that says where its JSON ends, if it came with one."""
        return cls(lambda inference: _read_http(inference, body, header), max_rows)

    def ask_outputs(self, names: Sequence[tuple[Any, Any]], *, is_binary: bool) -> None:
        """Take what is asked back: (name, parameters) of each, all there are where none is named.

        Raises InvalidRequest for an output there is not.
        """
        self.is_binary_output = is_binary
        for name, parameters in names:
            if name != OUTPUT:
                raise InvalidRequest(f"no output named {str(name)[:60]!r}", expected=OUTPUT)
            check_parameters(parameters, f"output {OUTPUT!r}")
            wanted = (parameters or {}).get("binary_data")
            if wanted is not None:
                self.is_binary_output = _flag(wanted, "binary_data")


def check_parameters(parameters: Any, where: str) -> None:
    """Raise InvalidRequest for what is no mapping of texts to plain values, and for what is not done here."""
    if parameters is None:
        return
    if type(parameters) is not dict:
        raise _no_parameters(where)
    for name, value in parameters.items():
        if type(value) not in _PLAIN:
            raise _no_parameters(where)
        if name not in _KNOWN and name.startswith(_REFUSED) and value:
            raise InvalidRequest(
                f"parameter {name[:60]!r}", where=where, expected="none: no shared memory, sequences, classification"
            )


def _no_parameters(where: str) -> InvalidRequest:
    return InvalidRequest("parameters", where=where, expected="an object of texts, numbers, true and false")


def _flag(value: Any, name: str) -> bool:
    if type(value) is not bool:
        raise InvalidRequest(f"{name} is {str(value)[:40]!r}", expected="true or false")
    return value


def _list(plain: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = plain.get(key, [])
    if type(found) is not list or not all(type(one) is dict for one in found):
        raise InvalidRequest(f"{key!r} is no list of objects", expected=_SHAPE)
    return found


def _read_http(inference: Inference, body: bytes, header: str | None) -> Any:
    split = len(body)
    if header is not None:
        if not (header.isascii() and header.isdigit() and len(header) < 20 and int(header) <= len(body)):
            raise InvalidRequest(
                f"Inference-Header-Content-Length {header[:30]!r}", expected=f"a number up to the body's {len(body)}"
            )
        split = int(header)
        if split == 0:
            inference.is_binary_output = True
            return lambda served: [_alone(served, body)]
    head = body if split == len(body) else body[:split]
    check_json(head, inference.max_rows * _LISTS_OF_A_ROW)
    plain = parse_body(head, _SHAPE)
    if type(plain) is not dict or "inputs" not in plain or set(plain) - _KEYS:
        wrong = sorted(set(plain) - _KEYS)[:3] if type(plain) is dict else []
        raise InvalidRequest(f"unknown key {str(wrong[0])[:60]!r}" if wrong else "no request", expected=_SHAPE)
    found = plain.get("id")
    if found is not None and type(found) is not str:
        raise InvalidRequest("'id' is no text")
    parameters = plain.get("parameters")
    check_parameters(parameters, "the request")
    is_binary = _flag((parameters or {}).get("binary_data_output", False), "binary_data_output")
    names = [(one.get("name"), one.get("parameters")) for one in _list(plain, "outputs")]
    inference.ask_outputs(names, is_binary=is_binary)
    tensors, place = [], split
    for one in _list(plain, "inputs"):
        tensor, place = _input(one, body, place)
        tensors.append(tensor)
    if place != len(body):
        raise InvalidRequest(f"{len(body) - place} bytes behind the last tensor", expected="none")
    inference.id = found
    return tensors


def _input(plain: dict[str, Any], body: bytes, place: int) -> tuple[Tensor, int]:
    """One input, and where the bytes of the next begin."""
    name, shape, parameters = plain.get("name"), plain.get("shape"), plain.get("parameters")
    for key in plain:
        if key not in _INPUT_KEYS:
            raise InvalidRequest(f"unknown key {key[:60]!r}", where=_where(name), expected=_SHAPE)
    if type(shape) is not list:
        raise InvalidRequest("no shape", where=_where(name), expected="[N] or [N, 1]")
    size = None
    if parameters is not None:
        check_parameters(parameters, "a tensor")
        size = parameters.get("binary_data_size")
    datatype: Any = plain.get("datatype")
    if size is None:
        if "data" not in plain:
            raise InvalidRequest("no data", where=_where(name), expected=_SHAPE)
        return read_list(name, datatype, shape, plain["data"]), place  # type: ignore[arg-type]  # checked there
    if "data" in plain:
        raise InvalidRequest("data and binary_data_size", where=_where(name), expected="one of them")
    if type(size) is not int or not 0 <= size <= len(body) - place:
        raise InvalidRequest(
            f"binary_data_size {str(size)[:30]}",
            where=_where(name),
            expected=f"up to the {len(body) - place} bytes left",
        )
    return read_raw(name, datatype, shape, memoryview(body)[place : place + size]), place + size  # type: ignore[arg-type]


def _where(name: Any) -> str:
    return f"tensor {str(name)[:60]!r}"


def _alone(served: Served, body: bytes) -> Tensor:
    """The tensor of a body that is nothing else."""
    columns = served.model.columns
    if len(columns) != 1:
        raise InvalidRequest(
            f"a body of one tensor for a model of {len(columns)} columns",
            expected="Inference-Header-Content-Length > 0",
        )
    column = columns[0]
    datatype = datatype_of(column)
    dtype = DATATYPES[datatype]
    if dtype is None:
        return Tensor(column.name, datatype, (1,), [bytes(body)])
    return read_raw(column.name, datatype, [len(body) // dtype.itemsize], body)


def describe_server() -> dict[str, Any]:
    """What this server is."""
    return {
        "name": "headrace",
        "version": importlib.metadata.version("headrace"),
        "extensions": ["binary_tensor_data"],
    }


def describe_model(served: Served) -> dict[str, Any]:
    """What a version takes and answers; -1 is the number of rows."""
    classes = served.model.signature.classes
    return {
        "name": served.endpoint,
        "versions": [str(served.version)],
        "platform": "onnx_onnxv1",
        "inputs": [
            {
                "name": column.name,
                "datatype": datatype_of(column),
                "shape": [-1, -1] if column.is_list else [-1],
                "parameters": {"kind": column.kind, "nullable": column.is_nullable},
            }
            for column in served.model.columns
        ],
        "outputs": [
            {
                "name": OUTPUT,
                "datatype": "FP32",
                "shape": [-1, len(classes)] if classes else [-1],
                "parameters": {"meaning": served.model.signature.meaning},
            }
        ],
    }


def which_of(serving: Serving, name: str, version: str) -> tuple[int | None, str]:
    """The number, or else the label, of the version that a client names; neither where it names none.

    Raises UnknownName for a label there is not: to a client of this protocol it is a version like any other.
    """
    if version == "":
        return None, ""
    if version.isascii() and version.isdigit() and len(version) <= 18:
        return int(version), ""
    labels = serving.labels.get(name, {})
    if version not in labels:
        serving.get(name)
        raise UnknownName("version", version[:100], labels, where=f"endpoint {name!r}")
    return None, version
