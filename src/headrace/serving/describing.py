"""Describing: what a server says of its endpoints, their versions, and what these take and answer.

The keys `model_version_status`, `model_spec` and `metadata` are those of TensorFlow Serving; the others are ours, and
say in plain words what those have no place for.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from headrace.serving.core import Served, Serving

__all__ = ["describe_all", "describe_metadata", "describe_status"]

_TYPES = {
    "number": "DT_DOUBLE",
    "integer": "DT_INT64",
    "boolean": "DT_BOOL",
    "text": "DT_STRING",
    "timestamp": "DT_STRING",  # RFC 3339
    "binary": "DT_STRING",  # {"b64": ...}
}


def describe_all(serving: Serving) -> dict[str, Any]:
    """Every endpoint with the version it serves and what its prediction means."""
    found = [
        {"name": name, "version": str(one.version), "prediction": one.model.signature.meaning}
        for name, one in sorted(serving.endpoints.items())
    ]
    return {"models": found}


def describe_status(serving: Serving, name: str, version: int | None, label: str) -> dict[str, Any]:
    """The states of an endpoint's versions: the one that serves first, then the newest; or of one of them alone.

    AVAILABLE answers, LOADING is made ready, END was refused: the message says why.
    Raises UnknownName for an endpoint or version that is not there, InvalidRequest for a label.
    """
    served = serving.endpoints.get(name)
    refusals = serving.refusals(name)
    loading: AbstractSet[int] = serving.loading.get(name, frozenset())
    if served is None and not refusals and not loading:
        serving.get(name)  # says what there is
    if label or (version is not None and version not in refusals and version not in loading):
        one = serving.find(name, version, label)
        return {"model_version_status": [_state(one.version, "AVAILABLE", "OK", "")], **_described(one)}
    available = {} if served is None else {served.version: _state(served.version, "AVAILABLE", "OK", "")}
    for number in sorted({*serving.held.get(name, ()), *refusals, *loading}, reverse=True):
        if number in available:
            continue
        if number in serving.held.get(name, ()):
            available[number] = _state(number, "AVAILABLE", "OK", "")
        elif number in loading:
            available[number] = _state(number, "LOADING", "OK", "")
        else:
            available[number] = _state(number, "END", "FAILED_PRECONDITION", refusals[number].reason)
    if version is not None:
        return {"model_version_status": [available[version]]}
    labels = serving.labels.get(name)
    return {
        "model_version_status": list(available.values()),
        **({} if served is None else _described(served)),
        **({"version_labels": {label: str(number) for label, number in sorted(labels.items())}} if labels else {}),
    }


def describe_metadata(served: Served) -> dict[str, Any]:
    """What a version takes and answers, twice: as TensorFlow Serving says it, and as the model does."""
    inputs = {
        column.name: _tensor(column.name, _TYPES[column.values_kind or column.kind]) for column in served.model.columns
    }
    signature = {
        "inputs": inputs,
        "outputs": {"prediction": _tensor("prediction", "DT_FLOAT", len(served.model.signature.classes))},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": served.endpoint, "signature_name": "", "version": str(served.version)},
        "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
        "version": str(served.version),
        "digest": served.digest,
        **_described(served),
    }


def _state(version: int, state: str, code: str, message: str) -> dict[str, Any]:
    return {"version": str(version), "state": state, "status": {"error_code": code, "error_message": message}}


def _tensor(name: str, kind: str, width: int = 0) -> dict[str, Any]:
    """A vector of as many values as there are rows, or a matrix of so many columns."""
    sizes = ["-1", str(width)] if width else ["-1"]
    shape = {"dim": [{"size": size, "name": ""} for size in sizes], "unknown_rank": False}
    return {"dtype": kind, "tensor_shape": shape, "name": f"{name}:0"}


def _described(served: Served) -> dict[str, Any]:
    """What it takes and what its answer means."""
    signature = served.model.signature
    return {
        "name": served.endpoint,
        "task": signature.task,
        "label": signature.label,
        "positive": signature.positive,
        "prediction": signature.meaning,
        **({"classes": list(signature.classes)} if signature.classes else {}),
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "nullable": column.is_nullable,
                **({"path": list(column.path)} if column.path else {}),
            }
            for column in signature.columns
        ],
    }
