"""TensorFlow Serving's REST contract, pair by pair: what it answers to a request, and what we do.

Derived from its documented behaviour (RESTful API) and, where that is silent, from its code's status codes. A pair says
its status; where ours is another on purpose the reason stands beside it, as in docs/how-to/serve.md.
"""

import base64
import json
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

import headrace as hr
from headrace.model import InputColumn
from headrace.model.codec import Codec
from headrace.model.prelude import Derived
from headrace.serving import Request, Serving
from headrace.serving.http import Door
from headrace.serving.loading import make


class Pair(NamedTuple):
    """A request and what comes of it; `ours` is None where we answer with the same status."""

    method: str
    path: str
    body: object
    theirs: int
    said: str
    ours: int | None = None
    why: str = ""


# "R" is a row that is answered, "P" what it is answered with.
R, P = "@row", "@prediction"
PREDICT = "/v1/models/late:predict"
ONE = "/v1/models/one:predict"
STRICT = "a misspelt name would be a null without a word"

PAIRS = {
    # Routes
    "predict": Pair("POST", PREDICT, {"instances": [R]}, 200, P),
    "of a version": Pair("POST", "/v1/models/late/versions/1:predict", {"instances": [R]}, 200, P),
    "of a label": Pair("POST", "/v1/models/late/labels/stable:predict", {"instances": [R]}, 200, P),
    "a name is decoded": Pair("POST", "/v1/models/l%61te:predict", {"instances": [R]}, 200, P),
    "unknown model": Pair("POST", "/v1/models/nothing:predict", {"instances": [R]}, 404, "no endpoint named"),
    "unknown version": Pair("POST", "/v1/models/late/versions/9:predict", {"instances": [R]}, 404, "'9'"),
    "unknown label": Pair("POST", "/v1/models/late/labels/nope:predict", {"instances": [R]}, 400, "no label named"),
    "version beyond 64 bits": Pair("POST", f"/v1/models/late/versions/{1 << 63}:predict", {}, 400, "64 bit"),
    "version and label": Pair(
        "POST", "/v1/models/late/versions/1/labels/a:predict", {}, 400, "no such route", 404, "no route has it"
    ),
    "a version that is no number": Pair(
        "POST", "/v1/models/late/versions/x:predict", {}, 400, "no such route", 404, "no route has it"
    ),
    "no model": Pair("POST", "/v1/models:predict", {}, 400, "no such route", 404, "no route has it"),
    "another verb": Pair("POST", "/v1/models/late:explode", {}, 400, "no such route", 404, "no route has it"),
    "another path": Pair("POST", "/v1/foo", {}, 400, "no such route", 404, "no route has it"),
    "GET of a verb": Pair("GET", PREDICT, b"", 400, "use POST", 405, "the other method is told"),
    "all models": Pair("GET", "/v1/models", b"", 400, '"models":[', 200, "a list is of more use"),
    # signature_name
    "signature_name": Pair("POST", PREDICT, {"signature_name": "serving_default", "instances": [R]}, 200, P),
    "empty signature_name": Pair("POST", PREDICT, {"signature_name": "", "instances": [R]}, 200, P),
    "signature_name of another type": Pair(
        "POST", PREDICT, {"signature_name": 5, "instances": [R]}, 400, "'signature_name' is no text"
    ),
    "unknown signature": Pair("POST", PREDICT, {"signature_name": "x", "instances": [R]}, 400, "no signature named"),
    # The body
    "empty": Pair("POST", PREDICT, b"", 400, "not JSON"),
    "no JSON": Pair("POST", PREDICT, b"instances=1", 400, "not JSON"),
    "a list": Pair("POST", PREDICT, b"[]", 400, "the body is"),
    "neither key": Pair("POST", PREDICT, b"{}", 400, "instances"),
    "both keys": Pair("POST", PREDICT, {"instances": [R], "inputs": {}}, 400, "both 'instances' and 'inputs'"),
    "more after the value": Pair(
        "POST", ONE, b'{"instances": [1.0]} {', 200, "not JSON", 400, "what no JSON reader takes is a client's mistake"
    ),
    "an unknown key": Pair("POST", PREDICT, {"instances": [R], "x": 1}, 200, "unknown key 'x'", 400, STRICT),
    # Rows
    "many rows": Pair("POST", PREDICT, {"instances": [R, R]}, 200, '{"predictions":[@,@]}'),
    "no rows": Pair("POST", PREDICT, {"instances": []}, 400, "at least one row"),
    "instances of another type": Pair("POST", PREDICT, {"instances": 5}, 400, "a list of objects"),
    "rows that are bare values": Pair("POST", PREDICT, {"instances": [1.0]}, 400, "not a row"),
    "an unknown column": Pair("POST", PREDICT, {"instances": [{"x": 1}]}, 400, "unknown column 'x'"),
    "a missing column": Pair(
        "POST", PREDICT, {"instances": [{"carrier": "AA"}]}, 400, "predictions", 200, "null where null is allowed"
    ),
    "a number as text": Pair("POST", PREDICT, {"instances": [{"delay": "5"}]}, 400, "expected a number"),
    "a text as number": Pair("POST", PREDICT, {"instances": [{"carrier": 5}]}, 400, "carrier"),
    "a list for a value": Pair("POST", PREDICT, {"instances": [{"delay": [1.0]}]}, 400, "no number"),
    "NaN": Pair("POST", PREDICT, b'{"instances": [{"delay": NaN}]}', 200, "predictions"),
    "Infinity": Pair("POST", PREDICT, b'{"instances": [{"delay": -Infinity}]}', 200, "predictions"),
    "an exponent": Pair("POST", PREDICT, b'{"instances": [{"delay": 1.5e2}]}', 200, "predictions"),
    "one column, bare values": Pair("POST", ONE, {"instances": [1.0, 2.0]}, 200, '{"predictions":['),
    "one column, objects": Pair("POST", ONE, {"instances": [{"x": 1.0}]}, 200, '{"predictions":['),
    "one column, a list each": Pair("POST", ONE, {"instances": [[1.0, 2.0]]}, 400, "no integer"),
    # Columns
    "columns": Pair("POST", PREDICT, {"inputs": "@columns"}, 200, '{"outputs":[@,@]}'),
    "one column, its list": Pair("POST", ONE, {"inputs": [1.0, 2.0]}, 200, '{"outputs":['),
    "one column, one value": Pair("POST", ONE, {"inputs": 1.0}, 200, '{"outputs":['),
    "one column, by name": Pair("POST", ONE, {"inputs": {"x": [1.0]}}, 200, '{"outputs":['),
    "columns of two lengths": Pair("POST", PREDICT, {"inputs": {"delay": [1.0], "hour": [1, 2]}}, 400, "2 rows"),
    "an unknown column beside": Pair(
        "POST", PREDICT, {"inputs": {"delay": [1.0], "x": [1]}}, 200, "unknown column 'x'", 400, STRICT
    ),
    "no columns": Pair("POST", PREDICT, {"inputs": {}}, 400, "no columns"),
    "inputs of another type": Pair("POST", PREDICT, {"inputs": "x"}, 400, "no object of columns"),
    # base64
    "b64": Pair("POST", PREDICT, {"instances": ["@b64"]}, 200, P),
    "b64 in a column": Pair("POST", PREDICT, {"inputs": {"carrier": [{"b64": "QUE="}]}}, 200, "outputs", None),
    "bad b64": Pair("POST", PREDICT, {"instances": [{"carrier": {"b64": "QUE"}}]}, 400, "no base64"),
    "b64 of no text": Pair(
        "POST", PREDICT, {"instances": [{"carrier": {"b64": "/w=="}}]}, 200, "UTF-8", 400, "a text is UTF-8 here"
    ),
    "b64 for a number": Pair("POST", PREDICT, {"instances": [{"delay": {"b64": "QUE="}}]}, 400, "expected a number"),
    "b64 that is a number": Pair("POST", PREDICT, {"instances": [{"carrier": {"b64": 5}}]}, 400, "no base64"),
    # Examples
    "classify": Pair("POST", "/v1/models/late:classify", {"examples": [R]}, 200, '{"results":[[["0",'),
    "regress": Pair("POST", "/v1/models/late:regress", {"examples": [R, R]}, 200, '{"results":[@,@]}'),
    "regress a version": Pair("POST", "/v1/models/late/versions/1:regress", {"examples": [R]}, 200, '{"results":[@]}'),
    "values in lists": Pair("POST", "/v1/models/late:regress", {"examples": ["@lists"]}, 200, '{"results":[@]}'),
    "a context": Pair(
        "POST", "/v1/models/late:regress", {"context": {"carrier": "AA"}, "examples": [{"delay": 1.0}]}, 200, "results"
    ),
    "a column twice": Pair(
        "POST", "/v1/models/late:regress", {"context": {"hour": 1}, "examples": [{"hour": 1}]}, 400, "the context too"
    ),
    "a list of mixed kinds": Pair("POST", "/v1/models/late:regress", {"examples": [{"delay": [1, 2.5]}]}, 400, "2 val"),
    "a nested list": Pair("POST", "/v1/models/late:regress", {"examples": [{"delay": [[1.0]]}]}, 400, "no number"),
    "an object": Pair("POST", "/v1/models/late:regress", {"examples": [{"delay": {}}]}, 400, "no number"),
    "null": Pair(
        "POST", "/v1/models/late:regress", {"examples": [{"delay": None}]}, 400, "results", 200, "null is a value here"
    ),
    "beyond 63 bits": Pair("POST", "/v1/models/late:regress", {"examples": [{"flight": 1 << 63}]}, 400, "flight"),
    "no examples": Pair("POST", "/v1/models/late:regress", {"examples": []}, 400, "at least one row"),
    "no examples key": Pair("POST", "/v1/models/late:classify", {}, 400, "'examples' is no list"),
    "classes of a number": Pair("POST", "/v1/models/one:classify", {"examples": [{"x": 1.0}]}, 400, "no classes"),
    # Status and metadata
    "status": Pair(
        "GET",
        "/v1/models/late",
        b"",
        200,
        '{"model_version_status":[{"version":"1","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}}]',
    ),
    "status of a version": Pair("GET", "/v1/models/late/versions/1", b"", 200, '"version":"1","state":"AVAILABLE"'),
    "status of an unknown version": Pair("GET", "/v1/models/late/versions/7", b"", 404, "'7'"),
    "status of a label": Pair("GET", "/v1/models/late/labels/stable", b"", 200, '"version":"1","state":"AVAILABLE"'),
    "status of an unknown model": Pair("GET", "/v1/models/nothing", b"", 404, "no endpoint"),
    "metadata": Pair(
        "GET",
        "/v1/models/late/metadata",
        b"",
        200,
        '{"model_spec":{"name":"late","signature_name":"","version":"1"},"metadata":{"signature_def":{"signature_def":'
        '{"serving_default":{"inputs":{"delay":{"dtype":"DT_DOUBLE","tensor_shape":{"dim":[{"size":"-1","name":""}],'
        '"unknown_rank":false},"name":"delay:0"}',
    ),
    "metadata of a version": Pair("GET", "/v1/models/late/versions/1/metadata", b"", 200, '"method_name"'),
    "metadata of an unknown model": Pair("GET", "/v1/models/nothing/metadata", b"", 404, "no endpoint"),
}


@pytest.fixture(scope="module")
def one(pushed):
    """A model of one number column, and of a number."""
    dataset = hr.Dataset.from_arrow(
        pushed.table.select(["hour"]).rename_columns(["x"]).append_column("y", pushed.table["hour"].cast("double")),
        label="y",
    )
    graph = hr.transform(lambda row: {"x": row.x}, dataset)
    return hr.train(hr.XGBoost(n_estimators=3, max_depth=2, objective="reg:squarederror"), graph, dataset)


@pytest.fixture(scope="module")
def door(pushed, one):
    """A door over endpoints `late` and `one`."""
    serving = Serving()
    serving.flip(make("late", 1, pushed.model.digest, pushed.model, with_shape=False))
    serving.flip(make("one", 1, one.digest, one, with_shape=False))
    serving.labels["late"] = {"stable": 1}
    return Door(serving, body_bytes=1 << 24, hosts=None, token="")


def filled(body, row):
    """A pair's body with the row in its places."""
    made = {
        "@row": row,
        "@columns": {name: [value, value] for name, value in row.items()},
        "@lists": {name: [] if value is None else [value] for name, value in row.items()},
        "@b64": {**row, "carrier": {"b64": base64.b64encode(row["carrier"].encode()).decode()}},
    }
    if isinstance(body, dict):
        return {key: filled(value, row) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, row) for value in body]
    return made.get(body, body) if isinstance(body, str) else body


@pytest.mark.parametrize("name", list(PAIRS))
def test_pair(door, pushed, name):
    """A pair's status is theirs, or ours for the reason given, and the answer says what it must."""
    pair = PAIRS[name]
    assert (pair.ours is None) or (pair.why and pair.ours != pair.theirs)
    body = pair.body
    if not isinstance(body, bytes):
        body = json.dumps(filled(body, pushed.rows()[1])).encode()
    answer = door.translate(Request(pair.method, pair.path, body))
    told = answer.body.decode()
    assert answer.status == (pair.theirs if pair.ours is None else pair.ours), told
    number = told[told.index("[") + 1 : told.index("]")].split(",")[0] if answer.status == 200 and "[" in told else ""
    said = '{"predictions":[@]}' if pair.said == P else pair.said
    if "@" in said:
        assert np.float32(number) == pushed.expected[1]
        assert told == said.replace("@", number)
    assert said.replace("@", number) in told
    if answer.status != 200:
        assert isinstance(json.loads(told)["error"], str)
        assert answer.media_type == "application/json"


def test_there_are_enough():
    """The table covers the contract: at least forty pairs, and few that differ."""
    differing = [name for name, pair in PAIRS.items() if pair.ours is not None]
    assert len(PAIRS) >= 70 and len(differing) <= 16


class Odd:
    """A model of one column that answers what it is asked."""

    codec = SimpleNamespace(columns=(1, 2), from_json=lambda body: {"number": np.zeros((3, 1))})
    signature = SimpleNamespace(task="regression", sensitive=())
    columns = ()

    def predict_lanes(self, _):
        """What JSON has no numbers for."""
        return {"prediction": np.array([0.1, np.nan, -np.inf], np.float32)}


@pytest.mark.parametrize(
    ("accept", "media_type", "body"),
    [
        ("*/*", "application/json", b'{"predictions":[0.1,null,null]}'),
        (
            "application/json; non-finite=bare",
            "application/json; non-finite=bare",
            b'{"predictions":[0.1,NaN,-Infinity]}',
        ),
    ],
)
def test_numbers_that_json_does_not_have(accept, media_type, body):
    """They are null, so that every parser reads the answer; who asks for TensorFlow Serving's tokens gets these."""
    serving = Serving()
    serving.flip(make("odd", 1, "", Odd(), with_shape=False))
    door = Door(serving, body_bytes=1 << 20, hosts=None, token="")
    answer = door.translate(Request("POST", "/v1/models/odd:predict", b'{"instances": []}', 0, {"accept": accept}))
    assert (answer.status, answer.media_type, answer.body) == (200, media_type, body)


class Three:
    """A model of three classes, and of a column that holds lists."""

    columns = (
        InputColumn("days", "list", values_kind="integer", derived=(Derived("first", "integer", (("list_get", 0),)),)),
        InputColumn("x", "number"),
    )
    codec = Codec(columns)
    signature = SimpleNamespace(task="multiclass", sensitive=(), classes=("a", "b", "c"), positive=None)

    def predict_lanes(self, lanes, **_):
        """The same for each row."""
        num_rows = len(next(iter(lanes.values())))
        return {"prediction": np.array([[0.5, 0.25, 0.25]] * num_rows, np.float32)}


def test_several_classes():
    """Each class with its probability; there is no one value to regress; a column of lists keeps its lists."""
    serving = Serving()
    serving.flip(make("three", 1, "", Three(), with_shape=False))
    door = Door(serving, body_bytes=1 << 20, hosts=None, token="")
    body = b'{"examples": [{"days": [3, 5], "x": [1.0]}]}'
    answer = door.translate(Request("POST", "/v1/models/three:classify", body))
    assert answer.body == b'{"results":[[["a",0.5],["b",0.25],["c",0.25]]]}'
    answer = door.translate(Request("POST", "/v1/models/three:regress", body))
    assert answer.status == 400 and b"no one value" in answer.body
