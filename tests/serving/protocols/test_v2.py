"""The Open Inference Protocol over HTTP: the evaluated predictions, in JSON and binary; wrong requests are named."""

import gzip
import json
import zlib

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.serving._contract import Request
from headrace.serving.core import Refusal, Served, Serving
from headrace.serving.http import Door
from tests.serving.asked import binary_request, json_request
from tests.serving.conftest import running

INFER = "/v2/models/late/infer"
HEADER = "inference-header-content-length"


@pytest.fixture(scope="module")
def door(pushed):
    """A door over the model, without a socket."""
    serving = Serving()
    serving.flip(Served("late", 1, pushed.model.digest, pushed.model))
    serving.refuse("broken", Refusal(1, "0" * 64, "another host"))
    return Door(serving, body_bytes=1 << 20, hosts=None, token="")


def post(door, body, length=None, path=INFER):
    """Answer to a body; `length` is that of its JSON where tensors follow."""
    headers = {} if length is None else {HEADER: str(length)}
    return door.translate(Request("POST", path, body, 0, headers))


def floats(answer):
    """The predictions of an answer in JSON."""
    assert answer.status == 200, answer.body
    output = json.loads(answer.body)["outputs"][0]
    found = np.array(output["data"], np.float32)
    assert (output["name"], output["datatype"], output["shape"]) == ("prediction", "FP32", [len(found)])
    return found


@pytest.mark.parametrize("size", [1, 3, 5, 37, 400])
def test_infer_equals_predict(door, pushed, size):
    """JSON and binary, nulls among them, give the bytes that the model was evaluated with, in any batch."""
    for start in range(0, 400 if size > 3 else 40, size):
        table = pushed.table.slice(start, size)
        expected = pushed.expected[start : start + size].astype(np.float32).tobytes()
        assert floats(post(door, json.dumps(json_request(table)).encode())).tobytes() == expected
        answer = post(door, *binary_request(table, id="7"))
        assert answer.status == 200 and answer.media_type == "application/octet-stream", answer.body
        split = int(dict(answer.headers)[HEADER])
        told = json.loads(answer.body[:split])
        assert answer.body[split:] == expected
        output = {"name": "prediction", "datatype": "FP32", "shape": [table.num_rows]}
        output["parameters"] = {"binary_data_size": len(expected)}
        assert told == {"model_name": "late", "model_version": "1", "id": "7", "outputs": [output]}


def test_shapes_nesting_and_names(door, pushed):
    """Flat and nested data are one; unknown columns of the data set and absent nullable columns are allowed."""
    table = pushed.table.slice(0, 3)
    request = json_request(table)
    whole = floats(post(door, json.dumps(request).encode()))
    for one in request["inputs"]:
        one["shape"], one["data"] = [3, 1], [[value] for value in one["data"]]
    request["inputs"].append({"name": "late", "shape": [1], "datatype": "BOOL", "data": [True]})
    assert floats(post(door, json.dumps(request).encode())).tobytes() == whole.tobytes()
    alone = json_request(table)
    alone["inputs"] = [one for one in alone["inputs"] if one["name"] != "tail"]
    null = json_request(table)
    null["inputs"][4]["data"] = [None, None, None]
    assert floats(post(door, json.dumps(alone).encode())).tobytes() == (
        floats(post(door, json.dumps(null).encode())).tobytes()
    )


def test_datatypes_of_a_column(door, pushed):
    """A number column takes every number, a timestamp RFC 3339 texts too; the value is what counts."""
    base = json_request(pushed.table.slice(1, 1))
    base["inputs"][0]["data"] = [5]
    expected = floats(post(door, json.dumps(base).encode()))
    for datatype in ("FP16", "FP32", "INT8", "UINT16", "INT64", "UINT64"):
        base["inputs"][0]["datatype"] = datatype
        assert floats(post(door, json.dumps(base).encode())) == expected
    base["inputs"][5].update(datatype="BYTES", data=[pushed.rows()[1]["when"]])
    assert floats(post(door, json.dumps(base).encode())) == expected
    base["inputs"][0].update(datatype="FP64", data=[5])
    body = json.dumps(base).replace("[5]", "[NaN]").encode()
    base["inputs"][0]["data"] = [None]
    assert floats(post(door, body)) == floats(post(door, json.dumps(base).encode()))


def test_binary_is_asked_for_by_output_before_request(door, pushed):
    """An output's own wish counts for more than the request's."""
    for whole, own, is_binary in ((True, False, False), (False, True, True), (None, True, True), (True, None, True)):
        request = json_request(pushed.table.slice(0, 1), outputs=[{"name": "prediction"}])
        if whole is not None:
            request["parameters"] = {"binary_data_output": whole}
        if own is not None:
            request["outputs"][0]["parameters"] = {"binary_data": own}
        answer = post(door, json.dumps(request).encode())
        assert (HEADER in dict(answer.headers)) == is_binary, answer.body


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.pop("inputs"), "no request"),
        (lambda r: r.update(inputs=[]), "no columns"),
        (lambda r: r.update(inputs=5), "no list of objects"),
        (lambda r: r.update(id=5), "'id' is no text"),
        (lambda r: r.update(input=[]), "unknown key 'input'"),
        (lambda r: r.update(outputs=[{"name": "margin"}]), "no output named 'margin'"),
        (lambda r: r.update(parameters={"sequence_id": 5}), "'sequence_id'"),
        (lambda r: r.update(parameters={"a": []}), "parameters"),
        (lambda r: r.update(parameters={"binary_data_output": "yes"}), "binary_data_output"),
        (lambda r: r["inputs"][0].update(parameters={"shared_memory_region": "x"}), "shared_memory"),
        (lambda r: r["inputs"].append(r["inputs"][0]), "sent twice"),
        (lambda r: r["inputs"][0].pop("data"), "no data"),
        (lambda r: r["inputs"][0].pop("shape"), "no shape"),
        (lambda r: r["inputs"][0].update(colour=1), "unknown key 'colour'"),
        (lambda r: r["inputs"][0].update(shape=[2]), "1 values for shape [2]"),
        (lambda r: r["inputs"][0].update(shape=[1, 1, 1]), "one value a row"),
        (lambda r: r["inputs"][0].update(name="dealy"), "unknown column 'dealy'"),
        (lambda r: r["inputs"][0].update(datatype="BYTES", data=["5"]), "for a number"),
        (lambda r: r["inputs"][1].update(datatype="FP32", data=[5]), "BYTES for a text"),
        (lambda r: r["inputs"][1].update(data=["\x00null"]), "U+0000"),
        (lambda r: r["inputs"][2].update(datatype="UINT64", data=[1 << 63]), "flight"),
        (lambda r: r["inputs"][0].update(shape=[2], data=[1, 2]), "rows"),
        (
            lambda r: r["inputs"].append({"name": "x:present", "shape": [1], "datatype": "BOOL", "data": [True]}),
            "x:pre",
        ),
        (lambda r: r["inputs"][2].update(parameters={"binary_data_size": 8}), "one of them"),
    ],
)
def test_wrong_requests_are_refused(door, pushed, change, said):
    """Each is status 400, and what is wrong is named."""
    request = json_request(pushed.table.slice(0, 1))
    change(request)
    answer = post(door, json.dumps(request).encode())
    assert answer.status == 400, answer.body
    assert said in json.loads(answer.body)["error"]


def test_wrong_binaries_are_refused(door, pushed):
    """Bytes cut off, bytes too many, a header that points elsewhere, a text that is no UTF-8."""
    body, length = binary_request(pushed.table.slice(0, 5))
    assert post(door, body, length).status == 200
    wrong = [(body[:-1], length), (body + b"x", length), (body, length - 1), (body, length + 1), (body, None)]
    wrong += [(body, "x"), (body, "-1"), (body, 1 << 64), (body, len(body) + 1), (body, 0), (b"", 0)]
    wrong += [(body.replace(b"\x02\0\0\0UA", b"\x02\0\0\0\xff\xfe"), length)]
    for data, header in wrong:
        answer = post(door, data, header)
        assert answer.status == 400 and json.loads(answer.body)["error"], header


def test_too_many_rows_are_refused(door):
    """A body of one byte a row does not become eight in each column."""
    count = 1 << 21
    one = {"name": "is_new", "shape": [count], "datatype": "BOOL", "parameters": {"binary_data_size": count}}
    head = json.dumps({"inputs": [one]}).encode()
    answer = post(door, head + b"\1" * count, len(head))
    assert (
        answer.status == 400
        and "2,097,152 rows in one request; expected at most 100,000" in json.loads(answer.body)["error"]
    )


def test_metadata_and_errors(door):
    """What clients ask before they infer; unknown names are 404, what cannot be served is 503."""
    assert json.loads(door.translate(Request("GET", "/v2", b"")).body)["extensions"] == ["binary_tensor_data"]
    plain = json.loads(door.translate(Request("GET", "/v2/models/late/versions/1", b"")).body)
    assert (plain["name"], plain["versions"], plain["platform"]) == ("late", ["1"], "onnx_onnxv1")
    kinds = {one["name"]: one["datatype"] for one in plain["inputs"]}
    assert kinds == {
        **dict.fromkeys(kinds, "INT64"),
        "delay": "FP64",
        "carrier": "BYTES",
        "tail": "BYTES",
        "is_new": "BOOL",
    }
    assert [one["name"] for one in plain["outputs"]] == ["prediction"]
    for status, method, path in (
        (200, "GET", "/v2/models/late/ready"),
        (404, "GET", "/v2/models/lat"),
        (404, "GET", "/v2/models/late/versions/2/ready"),
        (404, "POST", "/v2/models/late/versions/2/infer"),
        (404, "POST", "/v2/models/lat/infer"),
        (404, "GET", "/v2/models/late/secrets"),
        (404, "GET", "/v2/repository/index"),
        (404, "GET", "/v2x"),
        (503, "GET", "/v2/models/broken/ready"),
        (503, "POST", "/v2/models/broken/infer"),
        (405, "GET", INFER),
        (405, "POST", "/v2/models/late"),
    ):
        assert door.translate(Request(method, path, b"{}")).status == status, path


def test_over_sockets_and_compressed(client, pushed):
    """Through a real server: health, JSON, binary, compressed both ways; bombs and unknown codings are refused."""
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200
    body, length = binary_request(pushed.table)
    expected = pushed.expected.astype(np.float32).tobytes()
    for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)):
        headers = {HEADER: str(length), "content-encoding": coding, "accept-encoding": coding}
        answer = client.post(INFER, content=pack(body), headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers.get("content-encoding", "identity") == coding
        assert answer.content[int(answer.headers[HEADER]) :] == expected
    bomb = gzip.compress(b" " * (17 << 20))
    assert client.post(INFER, content=bomb, headers={"content-encoding": "gzip"}).status_code == 413
    assert client.post(INFER, content=b"x", headers={"content-encoding": "gzip"}).status_code == 400
    assert client.post(INFER, content=b"x", headers={"content-encoding": "br"}).status_code == 415
    assert client.get("/v2/health/live").status_code == 200


def test_token_is_needed_but_for_health(pushed):
    """Every route of the protocol but live and ready asks for the token."""
    with running(pushed.home, environment={"HEADRACE_TOKEN": "s3cret"}) as (client, _):
        for path in ("/v2/health/live", "/v2/health/ready"):
            assert client.get(path).status_code == 200
        for path in ("/v2", "/v2/models/late", "/v2/models/late/ready", "/v2/models/x", "/v2/x"):
            assert client.get(path).status_code == 401
        assert client.post(INFER, json=json_request(pushed.table.slice(0, 1))).status_code == 401
        assert client.get("/v2", headers={"authorization": "Bearer s3cret"}).status_code == 200


def test_one_column_is_a_body_of_bytes():
    """A header of 0 is a body of one tensor, for a model of one column."""
    table = pa.table({"x": [float(i % 17) for i in range(100)], "y": [i % 17 > 8 for i in range(100)]})
    dataset = hr.Dataset.from_arrow(table, label="y")
    model = hr.train(hr.XGBoost(n_estimators=2), hr.transform(lambda row: {"x": row.x}, dataset), dataset)
    serving = Serving()
    serving.flip(Served("one", 1, model.digest, model))
    door = Door(serving, body_bytes=1 << 20, hosts=None, token="")
    answer = post(door, table["x"].to_numpy().tobytes(), 0, "/v2/models/one/infer")
    assert answer.status == 200, answer.body
    expected = model.predict(table)["prediction"].to_numpy().astype(np.float32).tobytes()
    assert answer.body[int(dict(answer.headers)[HEADER]) :] == expected
