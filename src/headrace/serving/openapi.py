"""OpenAPI: a description of the server that programs read, made from the models' own signatures.

Every endpoint has its paths with its own rows in them: each raw column with its type, whether null is allowed, the
range that the schema states, and values that the data had. Of a sensitive column only name, type and range are in it.

Source: OpenAPI Specification 3.1.1; JSON Schema 2020-12.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from headrace.model import InputColumn
from headrace.serving.core import Served, Serving
from headrace.serving.ipc import MEDIA_TYPE

__all__ = ["describe_api", "example_row", "known_values"]

_MOST_EXAMPLES = 8
_LONGEST = 60
_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number", "format": "double"},
    "integer": {"type": "integer", "format": "int64", "minimum": -(1 << 63), "maximum": (1 << 63) - 1},
    "boolean": {"type": "boolean"},
    "text": {"type": "string", "not": {"type": "string", "pattern": "^\\u0000"}},
    "timestamp": {"type": "string", "format": "date-time"},
    "binary": {
        "type": "object",
        "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
        "required": ["b64"],
        "description": "PNG or JPEG",
    },
}
# What stands in an example for a sensitive value that may not be null.
_STAND_INS: dict[str, Any] = {
    "number": 0.0,
    "integer": 0,
    "boolean": False,
    "text": "",
    "timestamp": "1970-01-01T00:00:00Z",
    "list": [],
    "binary": {"b64": ""},
}


def known_values(served: Served, column: InputColumn) -> list[Any]:
    """Values of a column that the data had, as JSON has them: few, different, none that is null or sensitive."""
    if column.name in served.model.signature.sensitive or not column.has_lane:
        return []
    found: dict[Any, None] = {}
    for value in served.model.real_rows().column(column.name).to_pylist():
        plain = _plain(value)
        if plain is not None and not (isinstance(plain, str) and len(plain) > _LONGEST):
            found.setdefault(plain, None)
    values = list(found)
    return sorted(values[:_MOST_EXAMPLES]) if column.kind == "text" else values[:_MOST_EXAMPLES]


def example_row(served: Served, *, is_nested: bool = True) -> dict[str, Any]:
    """A row that the data had, to copy, with few nulls; sensitive columns are null, or else stood in for.

    Where it `is_nested`, fields of structs lie in objects.
    """
    model, rows = served.model, served.model.real_rows()
    some = (rows if rows.num_rows else model.golden).slice(0, 20).to_pylist()
    row = min(some, key=lambda one: sum(value is None for value in one.values()))
    found: dict[str, Any] = {}
    for column in model.columns:
        within = found
        for name in column.path[:-1] if is_nested else ():
            within = within.setdefault(name, {})
        last = column.path[-1] if column.path and is_nested else column.name
        if column.name in model.signature.sensitive:
            within[last] = None if column.is_nullable else _STAND_INS[column.kind]
        else:
            within[last] = _plain(row[column.name])
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def describe_api(serving: Serving, version: str) -> dict[str, Any]:
    """The document. `version` is headrace's. Cost: a millisecond an endpoint."""
    paths: dict[str, Any] = {
        "/health/live": {"get": _get("Whether the process answers", {"type": "object"}, token=False)},
        "/health/ready": {
            "get": {
                **_get("Whether it takes requests", {"type": "object"}, token=False),
                "responses": {
                    "200": _said("It does", {"type": "object"}),
                    "503": _said("Not now", {"type": "object"}),
                    **_REFUSED_HOST,
                },
            }
        },
        "/v1/models": {"get": _get("The endpoints there are", _LIST)},
        "/rewards": {"post": _post("What an answer was worth, once that is known", _REWARDS, _RECORDED)},
    }
    schemas: dict[str, Any] = {"Error": _ERROR}
    for name, served in sorted(serving.endpoints.items()):
        schema, at = f"row.{name}", f"/v1/models/{name}"
        row = {"$ref": f"#/components/schemas/{schema}"}
        schemas[schema] = _row(served)
        example = {"instances": [example_row(served)]}
        body = {
            "type": "object",
            "required": ["instances"],
            "additionalProperties": False,
            "properties": {"instances": {"type": "array", "items": row, "minItems": 1}},
        }
        asked = {
            "application/json": {"schema": body, "example": example},
            MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
        }
        few = {**body, "properties": {"instances": {"type": "array", "items": row, "minItems": 1, "maxItems": 100}}}
        paths[f"{at}:predict"] = {
            "post": {
                **_post(served.model.signature.meaning.capitalize(), {}, _predictions(served), tag=name),
                "requestBody": {"required": True, "content": asked},
                "parameters": [_UNIT],
            }
        }
        told = {"type": "object", "properties": {"explanations": {"type": "array", "items": {"type": "object"}}}}
        paths[f"{at}:explain"] = {
            "post": {
                **_post("What each column adds to a prediction", {}, told, tag=name),
                "requestBody": {
                    "required": True,
                    "content": {**asked, "application/json": {"schema": few, "example": example}},
                },
            }
        }
        paths[f"{at}:reward"] = {
            "post": _post("What an answer of this endpoint was worth", _REWARDS, _RECORDED, tag=name)
        }
        paths[at] = {"get": _get("Its versions, what it takes and answers", {"type": "object"}, tag=name)}
        paths[f"{at}/metadata"] = {"get": _get("The same of the version served", {"type": "object"}, tag=name)}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "headrace",
            "version": version,
            "description": "Predictions of pushed models. Other protocols are served too: GET / lists every route.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _row(served: Served) -> dict[str, Any]:
    """The schema of a row."""
    signature = served.model.signature
    properties: dict[str, Any] = {}
    for column in signature.columns:
        within = properties
        for name in column.path[:-1]:
            own = within.setdefault(name, {"type": ["object", "null"], "properties": {}})
            within = own["properties"]
        within[(column.path or (column.name,))[-1]] = _column(served, column)
    passed = [*signature.ignored, *(() if signature.label is None else (signature.label,))]
    for name in passed:
        properties.setdefault(name, {"description": "may be there; is not looked at"})
    return {
        "type": "object",
        "properties": properties,
        "required": list(dict.fromkeys(column.root for column in signature.columns if not column.is_nullable)),
        "additionalProperties": False,
    }


def _column(served: Served, column: InputColumn) -> dict[str, Any]:
    found = dict(_TYPES[column.values_kind or column.kind])
    if column.is_list:
        found = {"type": "array", "items": {**found, "type": [found["type"], "null"]}}
    if column.kind in ("number", "integer"):
        if column.min is not None:
            found["minimum"] = column.min
        if column.max is not None:
            found["maximum"] = column.max
    if column.is_nullable:
        found["type"] = [found["type"], "null"]
    if column.name in served.model.signature.sensitive:
        found["description"] = "sensitive: never written to the request log"
    examples = known_values(served, column)
    if examples:
        found["examples"] = examples
    return found


def _predictions(served: Served) -> dict[str, Any]:
    one: dict[str, Any] = {"type": ["number", "null"], "description": served.model.signature.meaning}
    if served.model.signature.task == "binary":
        one |= {"minimum": 0, "maximum": 1}
    if served.model.signature.classes:
        one = {"type": "array", "items": {"type": ["number", "null"]}}
    return {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array", "items": one}},
    }


def _said(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REFERENCE = {"$ref": "#/components/schemas/Error"}
_REFUSED_HOST = {"421": _said("The header host names another host", _REFERENCE)}
_REFUSED = {
    "400": _said("It cannot be answered as it stands: the message names row and column", _REFERENCE),
    "401": _said("The token is missing or wrong", _REFERENCE),
    "403": _said("The token, or where the request came from, does not allow it", _REFERENCE),
    "404": _said("No such endpoint, version or request", _REFERENCE),
    "405": _said("The route has another method", _REFERENCE),
    "408": _said("The body did not come in time", _REFERENCE),
    "413": _said("The body is larger than is allowed", _REFERENCE),
    "415": _said("The body is compressed in a way that is not read", _REFERENCE),
    **_REFUSED_HOST,
    "429": _said("A quota is used up", _REFERENCE),
    "503": _said("Not now; Retry-After says when", _REFERENCE),
    "504": _said("Its time was over", _REFERENCE),
}
_LIST = {
    "type": "object",
    "required": ["models"],
    "properties": {
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "version", "prediction"],
                "properties": {name: {"type": "string"} for name in ("name", "version", "prediction")},
            },
        }
    },
}
_REWARD = {
    "type": "object",
    "required": ["request_id", "reward"],
    "additionalProperties": False,
    "properties": {
        "request_id": {"type": "string", "description": "the header headrace-request-id of an answer"},
        "reward": {"type": "number"},
        "time": {"type": "string", "format": "date-time"},
    },
}
_REWARDS = {
    "oneOf": [
        _REWARD,
        {
            "type": "object",
            "required": ["rewards"],
            "additionalProperties": False,
            "properties": {"rewards": {"type": "array", "items": _REWARD, "minItems": 1, "maxItems": 10_000}},
        },
    ]
}
_RECORDED = {"type": "object", "required": ["recorded"], "properties": {"recorded": {"type": "integer"}}}
_UNIT = {
    "name": "headrace-unit",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "what is to stay with one version where traffic is divided, such as a user's id",
}


def _get(summary: str, schema: Mapping[str, Any], *, tag: str = "", token: bool = True) -> dict[str, Any]:
    found = {"summary": summary, "responses": {"200": _said(summary, schema), **(_REFUSED if token else _REFUSED_HOST)}}
    return {**found, **({"tags": [tag]} if tag else {}), **({} if token else {"security": []})}


def _post(summary: str, body: Mapping[str, Any], answer: Mapping[str, Any], *, tag: str = "") -> dict[str, Any]:
    asked = {"required": True, "content": {"application/json": {"schema": body}}}
    return {**_get(summary, answer, tag=tag), "requestBody": asked}
