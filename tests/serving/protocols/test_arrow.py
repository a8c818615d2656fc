"""The Arrow protocol: the bytes that rows are answered with, for columns; every wrong stream named."""

import numpy as np
import pyarrow as pa
import pytest

from headrace.serving.ipc import MEDIA_TYPE, write_stream
from tests.serving.conftest import running

PREDICT = "/v1/models/late:predict"


@pytest.fixture(scope="module")
def client(pushed):
    """A client of a server that reads bodies of up to 1 MiB."""
    with running(pushed.home, environment={"HEADRACE_BODY_MB": "1"}) as (client, _):
        yield client


def ask(client, table, **headers):
    """The answer to a table."""
    return client.post(PREDICT, content=write_stream(table), headers={"content-type": MEDIA_TYPE, **headers})


def predictions(answer) -> np.ndarray:
    """The column of an answer."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema == pa.schema([("prediction", pa.float32())])
    return table["prediction"].to_numpy()


@pytest.mark.parametrize("size", [1, 37, 400])
def test_served_equals_predicted(client, pushed, size):
    """The same bytes as in process, label and all, with versions and ids as rows have them."""
    pieces = [ask(client, pushed.table.slice(start, size)) for start in range(0, 400, size)][:40]
    found = np.concatenate([predictions(answer) for answer in pieces])
    assert found.tobytes() == pushed.expected[: len(found)].tobytes()
    assert {answer.headers["headrace-version"] for answer in pieces} == {"1"}
    assert len({answer.headers["headrace-request-id"] for answer in pieces}) == len(pieces)


def test_dictionaries_and_large_bodies_are_read(client, pushed):
    """Dictionary text; and a body that is run on a thread."""
    table = pushed.table.set_column(1, "carrier", pushed.table["carrier"].dictionary_encode())
    assert predictions(ask(client, table)).tobytes() == pushed.expected.tobytes()
    many = pa.concat_tables([table] * 10)
    assert predictions(ask(client, many)).tobytes() == np.tile(pushed.expected, 10).tobytes()


def test_accept_says_what_comes_back(client, pushed):
    """JSON for a stream, a stream for JSON; a stream where both would do."""
    answer = ask(client, pushed.table.slice(0, 2), accept="application/json")
    assert np.float32(answer.json()["predictions"]).tobytes() == pushed.expected[:2].tobytes()
    both = ask(client, pushed.table.slice(0, 2), accept=f"application/json, {MEDIA_TYPE}")
    assert len(predictions(both)) == 2
    answer = client.post(PREDICT, json={"instances": pushed.rows()[:3]}, headers={"accept": MEDIA_TYPE})
    assert predictions(answer).tobytes() == pushed.expected[:3].tobytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns(["hour"]), "hour"),
        (lambda table: table.set_column(0, "delay", table["carrier"]), "delay"),
        (lambda table: table.slice(0, 0), "no row"),
        (lambda table: table.append_column("hour", table["hour"]), "twice"),
        (lambda table: table.select([]), "delay"),
    ],
)
def test_wrong_tables_are_refused_by_name(client, pushed, change, said):
    """A column that is missing, of another kind or there twice, and no rows: 400, an id, and the name."""
    answer = ask(client, change(pushed.table))
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]
    assert answer.headers["headrace-request-id"]


def test_wrong_streams_are_refused(client, pushed):
    """Half a stream 400, a larger body than allowed 413, an unknown endpoint 404: in JSON, as ever."""
    body = write_stream(pushed.table)
    headers = {"content-type": MEDIA_TYPE}
    assert client.post(PREDICT, content=body[:500], headers=headers).status_code == 400
    assert client.post(PREDICT, content=b'{"instances": []}', headers=headers).status_code == 400
    assert client.post(PREDICT, content=b"\x00" * (1 << 20) + body, headers=headers).status_code == 413
    answer = client.post("/v1/models/early:predict", content=body, headers=headers)
    assert answer.status_code == 404
    assert "early" in answer.json()["error"]
    assert client.get(PREDICT, headers=headers).status_code == 405
