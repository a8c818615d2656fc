"""The row protocol: raw rows in, the evaluated predictions out, every wrong request named."""

import json

import numpy as np
import pytest

from tests.serving.conftest import running

PREDICT = "/v1/models/late:predict"


@pytest.fixture(scope="module")
def client(pushed):
    """A client of a server with two workers."""
    with running(pushed.home, workers=2) as (client, _):
        yield client


def ask(client, rows):
    """Predictions as float32."""
    answer = client.post(PREDICT, json={"instances": rows})
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()["predictions"], dtype=np.float32)


@pytest.mark.parametrize("size", [1, 37, 400])
def test_served_equals_predicted(client, pushed, size):
    """The same rows give the same bytes over HTTP, in any batch, from either worker."""
    rows = pushed.rows()[: 400 if size > 1 else 50]
    served = np.concatenate([ask(client, rows[start : start + size]) for start in range(0, len(rows), size)])
    assert served.tobytes() == pushed.expected[: len(rows)].astype(np.float32).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"carrier": "unseen"},
        {"carrier": ""},
        {"carrier": "\U0001f6eb\u822a"},
        {"delay": None},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"flight": 2**63 - 1},
        {"flight": -(2**63)},
        {"tail": None, "flight": None, "is_new": None},
    ],
    ids=str,
)
def test_odd_values_are_answered(client, pushed, change):
    """Unseen, null, NaN, empty, emoji and the int64 extremes are data, not errors."""
    row = {**pushed.rows()[1], **change}
    body = json.dumps({"instances": [row]})  # json writes bare NaN and Infinity, as the protocol allows
    answer = client.post(PREDICT, content=body)
    assert answer.status_code == 200, answer.text
    assert 0 <= answer.json()["predictions"][0] <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"delay": "late"}, "delay"),
        ({"flight": 2**63}, "flight"),
        ({"flight": 1.5}, "flight"),
        ({"hour": True}, "hour"),
        ({"carrier": 5}, "carrier"),
        ({"carrier": ["AA"]}, "carrier"),
        ({"is_new": 1}, "is_new"),
        ({"when": "yesterday"}, "when"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_by_name(client, pushed, change, said):
    """A value of another type, or an unknown column, is status 400 and the column's name."""
    answer = client.post(PREDICT, json={"instances": [{**pushed.rows()[0], **change}]})
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


def test_lone_surrogate_is_refused(client, pushed):
    """Half a character is the caller's fault, not a crash."""
    row = json.dumps({"instances": [{**pushed.rows()[0], "carrier": "\ud800"}]})
    answer = client.post(PREDICT, content=row)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"instances": 5}', b'{"instances": []}', b'{"instances": [5]}', b"\xff\xfe", b"null"],
)
def test_wrong_bodies_are_refused(client, body):
    """What is not a request is status 400 with a reason."""
    answer = client.post(PREDICT, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_missing_nullable_column_is_null(client, pushed):
    """A key that is not there reads as null where null is allowed."""
    row = pushed.rows()[1]
    without = {name: value for name, value in row.items() if name != "tail"}
    assert ask(client, [without]) == ask(client, [{**row, "tail": None}])


def test_whole_raw_rows_are_answered(client, pushed):
    """The label in a row is not looked at: the answer is that of the row without it."""
    row = pushed.rows()[1]
    assert ask(client, [{**row, "late": True}]) == ask(client, [row]) == ask(client, [{**row, "late": "?"}])


def test_the_other_method_is_told(client):
    """405 says which method it is, with a request to copy; an unknown endpoint is still unknown."""
    answer = client.get(PREDICT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert 'use POST: POST /v1/models/late:predict {"instances": [{"delay": ..., ' in answer.json()["error"]
    answer = client.post("/v1/models/late", json={"instances": [{}]})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert "POST /v1/models/late:predict" in answer.json()["error"]
    assert client.post("/v1/models", json={}).status_code == 405
    answer = client.get("/v1/models/lat:predict")
    assert answer.status_code == 404 and "did you mean 'late'" in answer.json()["error"]


def test_models_are_listed(client):
    """Each endpoint with its version and what its prediction means."""
    listed = [{"name": "late", "version": "1", "prediction": "the probability that late is 1"}]
    assert client.get("/v1/models").json() == client.get("/v1/models/").json() == {"models": listed}


def test_status_and_metadata(client):
    """A client can ask which version serves and what a row must have."""
    status = client.get("/v1/models/late").json()["model_version_status"][0]
    assert (status["version"], status["state"]) == ("1", "AVAILABLE")
    columns = {column["name"]: column["kind"] for column in client.get("/v1/models/late/metadata").json()["columns"]}
    assert columns["carrier"] == "text"
    assert "late" not in columns
    for page in ("late", "late/metadata"):
        found = client.get(f"/v1/models/{page}").json()
        told = {name: found[name] for name in ("name", "task", "label", "positive", "prediction")}
        meaning = "the probability that late is 1"
        assert told == {"name": "late", "task": "binary", "label": "late", "positive": None, "prediction": meaning}
        assert {"name": "hour", "kind": "integer", "nullable": True} in found["columns"]
