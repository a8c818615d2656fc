"""What a graph from a file may be: checked before ONNX Runtime sees a byte of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.errors import InvalidInput
from headrace.model.weights import external_content

__all__ = ["MAX_ONNX_BYTES", "check_graph", "refuse_size"]

MAX_ONNX_BYTES = 1 << 30  # protobuf ends at 2 GiB; a model of trees and look-ups has a few MiB

# Domain -> the operators allowed there; None = all of the standard's.
_DOMAINS: dict[str, frozenset[str] | None] = {
    "": None,
    "ai.onnx": None,
    "ai.onnx.ml": None,
    "com.microsoft": frozenset({"MurmurHash3"}),
}


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _check(graph: Any, where: str, beside: Mapping[str, int] | None = None) -> None:
    for tensor in _tensors(graph):
        digest = external_content(tensor) if beside is not None else None
        if digest is None:
            _check_tensor(tensor, where)
        elif beside is not None and beside.get(digest) != _size_of(tensor):
            raise InvalidInput(
                f"tensor {tensor.name[:60]!r} has other weights than those beside the graph",
                where=where,
                expected=f"{_size_of(tensor):,} bytes whose sha256 is {digest}",
                fix="copy the model again",
            )
    for node in graph.node:
        allowed = _DOMAINS.get(node.domain, frozenset())
        if allowed is not None and node.op_type not in allowed:
            raise InvalidInput(
                f"operator {node.domain[:60]}:{node.op_type[:60]} is not allowed in a model",
                where=where,
                expected="operators of ai.onnx and ai.onnx.ml, and com.microsoft:MurmurHash3",
            )
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                _check_tensor(tensor, where)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                _check_tensor(sparse.values, where)
                _check_tensor(sparse.indices, where)
            for inner in (attribute.g, *attribute.graphs):
                _check(inner, where)


def _size_of(tensor: Any) -> int:
    from onnx import helper

    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except (KeyError, ValueError):
        return -1
    return math.prod(tensor.dims) * int(dtype.itemsize) if min(tensor.dims, default=0) >= 0 else -1


def _check_tensor(tensor: Any, where: str) -> None:
    if tensor.data_location or tensor.external_data:
        raise InvalidInput(
            f"tensor {tensor.name[:60]!r} lies in another file",
            where=where,
            expected="all weights inside model.onnx, or beside it by their sha256",
            fix="a path in a model could name any file of this machine",
        )


def refuse_size(size_bytes: int, what: str, more: str = "", *, where: str = "model.onnx") -> None:
    """Refuse what is too large for one file: at 2 GiB protobuf would fail, and say nothing that helps.

    Raises InvalidInput with the size, before anything is written.
    """
    if size_bytes > MAX_ONNX_BYTES:
        raise InvalidInput(
            f"{what} has {size_bytes:,} bytes{more}",
            where=where,
            expected=f"at most {MAX_ONNX_BYTES:,}",
            fix="keep fewer values: top_k and num_oov for a vocabulary, ops.hash_bucket, a smaller embedding",
        )


def check_graph(onnx: bytes, *, where: str = "model.onnx", beside: Mapping[str, int] | None = None) -> None:
    """Refuse a graph that reaches for files, foreign operators or functions, or is too large.

    `beside` are the weights that the model brings, sha256 -> bytes: only these may its tensors name, and no path.

    Raises InvalidInput naming what is wrong. Cost: one parse, about 1 ms a MiB.
    """
    refuse_size(len(onnx), "the graph", where=where)
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(onnx)
    except Exception as error:  # DecodeError or ValueError, by protobuf's implementation; it is untyped
        raise InvalidInput(f"not an ONNX model: {error}", where=where) from None
    if not model.graph.node:
        raise InvalidInput("not an ONNX model: there is no graph in it", where=where)
    if model.functions or model.training_info:
        raise InvalidInput("model functions and training graphs are not allowed in a model", where=where)
    for opset in model.opset_import:
        if opset.domain not in _DOMAINS:
            raise InvalidInput(
                f"operators of domain {opset.domain[:60]!r} are not allowed in a model",
                where=where,
                expected=", ".join(sorted(domain for domain in _DOMAINS if domain)),
            )
    _check(model.graph, where, beside or {})
