"""What the bodies of the row protocol say: rows, columns or examples, in JSON, as lanes of the version that answers.

| verb | body | answer |
|---|---|---|
| `:predict` | `{"instances": [{"delay": 4.0}, ...]}`, bare values for one column | `{"predictions": [...]}` |
| `:predict` | `{"inputs": {"delay": [4.0, ...]}}`, the bare list for one column | `{"outputs": [...]}` |
| `:regress` | `{"examples": [{"delay": 4.0}, ...], "context": {"carrier": "AA"}}` | `{"results": [...]}` |
| `:classify` | the same | `{"results": [[["false", 0.88], ["true", 0.12]], ...]}` |

A text may be sent as `{"b64": "..."}` wherever a value may be: the base64 of its UTF-8. `signature_name` may be there;
a model has one signature, "serving_default". In an example a value may lie in a list of one, and an empty list is null.
Source: TensorFlow Serving, RESTful API, sections "Classify and Regress API", "Predict API", "Encoding binary values".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any

import numpy as np

from headrace.errors import InvalidRequest
from headrace.model.codec import parse_body
from headrace.serving.core import Served
from headrace.serving.limits import check_json, check_rows

__all__ = ["ExampleBody", "PredictBody", "write_classes"]

_SIGNATURE = "serving_default"
_PREDICT_SHAPE = '{"instances": [{"column": value, ...}, ...]} or {"inputs": {"column": [value, ...], ...}}'
_EXAMPLE_SHAPE = '{"examples": [{"column": value, ...}, ...]}'


def _document(body: bytes, known: tuple[str, ...], shape: str) -> dict[str, Any]:
    document = parse_body(body, shape)
    if type(document) is not dict:
        raise InvalidRequest("the body is no object", expected=shape)
    for key in document:
        if key not in known and key != "signature_name":
            raise InvalidRequest(f"unknown key {key[:100]!r} in the body", expected=shape)
    name = document.get("signature_name", _SIGNATURE)
    if type(name) is not str:
        raise InvalidRequest("the key 'signature_name' is no text", expected=f'"{_SIGNATURE}"')
    if name not in ("", _SIGNATURE):
        raise InvalidRequest(f"no signature named {name[:100]!r}", expected=f'"{_SIGNATURE}", the only one there is')
    return document


def _decoded(value: Any, where: str) -> Any:
    """A value, or a list of values, with the objects `{"b64": ...}` as the texts they stand for; no deeper."""
    if type(value) is list:
        return [_decoded(one, where) if type(one) is dict else one for one in value]
    if type(value) is not dict or value.keys() != {"b64"}:
        return value
    try:
        return base64.b64decode(value["b64"], validate=True).decode()
    except (binascii.Error, TypeError, ValueError):
        raise InvalidRequest(
            "a b64 object holds no base64 of UTF-8", where=where, expected='{"b64": "aGk="}, which is "hi"'
        ) from None


def _decoded_rows(rows: list[Any], word: str, binary: Collection[str], only: str | None = None) -> list[Any]:
    """`binary` are the columns whose bytes are no texts, which the codec reads; `only` the one column there is."""
    found = []
    for place, row in enumerate(rows):
        if type(row) is dict and row.keys() != {"b64"}:
            found.append(
                {
                    name: value if name in binary else _decoded(value, f"{word} {place}, column {name!r}")
                    for name, value in row.items()
                }
            )
        elif only in binary:
            found.append({only: row})
        else:
            found.append(_decoded(row, f"{word} {place}"))
    return found


class PredictBody:
    """The body of `:predict`.

    Parameters
    ----------
    data : bytes
        As it came.
    max_rows : int
        How many rows it may ask about.

    `key` is what the answer's key is; known once it was read.
    """

    __slots__ = ("_document", "data", "key", "max_rows")

    def __init__(self, data: bytes, max_rows: int) -> None:
        self.data, self.max_rows, self.key = data, max_rows, "predictions"
        self._document: dict[str, Any] | None = None

    def read(self, served: Served) -> Any:
        """The lanes for a version; raises InvalidRequest. Cost beside `Codec.from_json` for plain rows: 0.2 us."""
        data, codec = self.data, served.model.codec
        check_json(data, self.max_rows)
        is_odd = b'"inputs"' in data or b'"b64"' in data or b'"signature_name"' in data or len(codec.columns) == 1
        lanes = self._read(codec) if is_odd else codec.from_json(data)
        check_rows(len(next(iter(lanes.values()))), self.max_rows)
        return lanes

    def _read(self, codec: Any) -> Any:
        if self._document is None:
            self._document = _document(self.data, ("instances", "inputs"), _PREDICT_SHAPE)
        document = self._document
        if ("instances" in document) == ("inputs" in document):
            said = "both 'instances' and 'inputs'" if "inputs" in document else "neither 'instances' nor 'inputs'"
            raise InvalidRequest(f"{said} in the body", expected=_PREDICT_SHAPE)
        only = codec.columns[0].name if len(codec.columns) == 1 else None
        binary = _binary(codec)
        if "instances" in document:
            rows = document["instances"]
            if type(rows) is list:
                rows = _decoded_rows(rows, "row", binary, only)
                if only is not None:
                    rows = [row if type(row) is dict else {only: row} for row in rows]
            return codec.from_rows(rows)
        self.key = "outputs"
        inputs = document["inputs"]
        if only is not None and (type(inputs) is not dict or inputs.keys() == {"b64"}):
            inputs = {only: inputs}
        if type(inputs) is not dict:
            raise InvalidRequest("'inputs' is no object of columns", expected=_PREDICT_SHAPE)
        columns: dict[str, list[Any]] = {}
        for name, values in inputs.items():
            if type(values) is list:
                check_rows(len(values), self.max_rows)
            values = values if name in binary else _decoded(values, f"column {name!r}")
            if type(values) is not list:  # one value is a column of one
                values = [values]
            columns[name] = values
        return codec.from_tensors(columns)


class ExampleBody:
    """The body of `:regress`, or, where `has_classes`, of `:classify`; else as `PredictBody`."""

    __slots__ = ("data", "has_classes", "max_rows")

    def __init__(self, data: bytes, max_rows: int, *, has_classes: bool) -> None:
        self.data, self.max_rows, self.has_classes = data, max_rows, has_classes

    def read(self, served: Served) -> Any:
        """The lanes for a version; raises InvalidRequest."""
        task = served.model.signature.task
        if self.has_classes and task == "regression":
            raise InvalidRequest(f"the model's task is {task}: it has no classes", expected=":regress or :predict")
        if not self.has_classes and task == "multiclass":
            raise InvalidRequest(f"the model's task is {task}: it has no one value", expected=":classify or :predict")
        check_json(self.data, self.max_rows)
        document = _document(self.data, ("examples", "context"), _EXAMPLE_SHAPE)
        examples, context = document.get("examples"), document.get("context", {})
        if type(examples) is not list:
            raise InvalidRequest("'examples' is no list", expected=_EXAMPLE_SHAPE)
        if type(context) is not dict:
            raise InvalidRequest("'context' is no object", expected='{"context": {"column": value, ...}, ...}')
        check_rows(len(examples), self.max_rows)
        lists = {column.name for column in served.model.codec.columns if column.values_kind is not None}
        binary = _binary(served.model.codec)
        shared = _features(context, "context", lists, binary)
        rows = []
        for place, example in enumerate(examples):
            if type(example) is not dict:
                raise InvalidRequest(f"example {place} is no object", expected=_EXAMPLE_SHAPE)
            own = _features(example, f"example {place}", lists, binary)
            twice = sorted(own.keys() & shared.keys())
            if twice:
                raise InvalidRequest(f"column {twice[0]!r} is in the context too", where=f"example {place}")
            rows.append({**shared, **own})
        return served.model.codec.from_rows(rows)


def _binary(codec: Any) -> set[str]:
    """The columns whose bytes are no texts."""
    return {column.name for column in codec.columns if column.kind == "binary"}


def _features(example: dict[str, Any], where: str, lists: set[str], binary: set[str]) -> dict[str, Any]:
    """An example's values, each out of its list of one; but where a column holds lists."""
    found = {}
    for name, value in example.items():
        value = value if name in binary else _decoded(value, f"{where}, column {name!r}")
        if type(value) is list and name not in lists:
            if len(value) > 1:
                raise InvalidRequest(
                    f"column {name!r} has {len(value)} values", where=where, expected="one value, alone or in a list"
                )
            value = value[0] if value else None
        found[name] = value
    return found


def write_classes(served: Served, prediction: Any) -> list[list[tuple[str, Any]]]:
    """For each row the label's values with their probabilities, float32; of two the one that counts as 0 first.

    Where `positive` is a text, nobody knows what the others are called: their label is "".
    """
    if served.model.signature.classes:
        every = [str(one) for one in served.model.signature.classes]
        return [list(zip(every, row, strict=True)) for row in prediction]
    positive = served.model.signature.positive
    if isinstance(positive, bool):
        names = ("false", "true") if positive else ("true", "false")
    elif positive is None:
        names = ("0", "1")
    else:
        names = ("", str(positive))
    others = np.float32(1.0) - prediction
    return [[(names[0], other), (names[1], one)] for other, one in zip(others, prediction, strict=True)]
