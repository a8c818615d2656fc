"""The clients against a real server: the same bytes as in process, in the kind that was asked; and every refusal."""

import asyncio
import datetime
import os
import threading

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput, InvalidRequest, NotAllowed, UnknownName
from tests.serving.conftest import running


@pytest.fixture(scope="module")
def url(pushed):
    """A server with a token, whose bodies are at most 1 MiB."""
    with running(pushed.home, environment={"HEADRACE_TOKEN": "s3cret", "HEADRACE_BODY_MB": "1"}) as (client, _):
        yield str(client.base_url)


@pytest.fixture
def client(url):
    """A client that has the token."""
    with hr.Client(url, token="s3cret") as client:
        yield client


def test_rows_are_answered_as_in_process(client, pushed):
    """A list for a list, a number for one row; with the version and an id of its own."""
    rows = pushed.table.slice(0, 50).to_pylist()
    found = client.predict("late", rows)
    assert np.float32(found.predictions).tobytes() == pushed.expected[:50].tobytes()
    assert (found.version, found.table_id, found.propensity, len(found)) == (1, "", 1.0, 50)
    one = client.predict("late", rows[3])
    assert one.predictions == found.predictions[3]
    assert len({one.request_id, found.request_id}) == 2


def test_tables_are_answered_by_tables(client, pushed):
    """Of pyarrow, Polars and pandas, whose integers with nulls came as floats; pandas keeps its index."""
    expected = pa.table({"prediction": pa.array(pushed.expected)})
    assert client.predict("late", pushed.table).predictions.equals(expected)
    assert client.predict("late", pushed.table.to_batches()[0]).predictions.equals(expected)
    frame = client.predict("late", polars.from_arrow(pushed.table)).predictions
    assert isinstance(frame, polars.DataFrame)
    assert frame.to_arrow().cast(expected.schema).equals(expected)
    asked = pushed.table.to_pandas().iloc[::-1]
    assert asked["flight"].dtype == np.float64
    frame = client.predict("late", asked).predictions
    assert isinstance(frame, pandas.DataFrame)
    assert frame.index.equals(asked.index)
    assert frame["prediction"].to_numpy().tobytes() == pushed.expected[::-1].tobytes()


def test_values_json_has_no_word_for(client, pushed):
    """NaN, infinity, NumPy's scalars, times with and without a zone: what the model says of them in process."""
    row = pushed.table.slice(1, 1).to_pylist()[0]
    for change in (
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"delay": np.float32(2.5), "flight": np.int64(7), "is_new": np.bool_(True)},
        {"when": row["when"].replace(tzinfo=None)},
        {"when": datetime.date(2013, 1, 2)},
    ):
        asked = {**row, **change}
        expected = pushed.model.predict_lanes(pushed.model.codec.from_rows([asked]))["prediction"]
        assert np.float32(client.predict("late", asked).predictions) == expected[0], change


def test_bulk_inference_says_what_the_server_says(client, pushed):
    """`hr.predict` over a data set: the same bytes as over the wire."""
    found = hr.predict(pushed.model, hr.Dataset.from_arrow(pushed.table, label="late")).to_arrow()
    served = client.predict("late", pushed.table).predictions
    assert found["prediction"].to_numpy().tobytes() == served["prediction"].to_numpy().tobytes()


def test_endpoints(client):
    """What there is, and what its answer means."""
    (found,) = client.endpoints()
    assert (found.name, found.version) == ("late", 1)
    assert "probability" in found.prediction


def test_reward(client, pushed):
    """A reward for an id that was answered is recorded; for another it is unknown."""
    found = client.predict("late", pushed.table.slice(0, 1))
    client.reward(found.request_id, 1.0)
    client.reward(found.request_id, 1.0, time=datetime.datetime(2026, 1, 1))
    with pytest.raises(UnknownName, match="request"):
        client.reward("0" * 26, 1.0)


def test_refusals_keep_the_server_s_message(client, url, pushed, monkeypatch):
    """Each by its own error, the row and column named; nothing is asked again."""
    row = pushed.table.slice(0, 1).to_pylist()[0]
    with pytest.raises(InvalidRequest, match=r"row 1.*'hour'"):
        client.predict("late", [row, {**row, "hour": "five"}])
    with pytest.raises(InvalidRequest, match="'hour'"):
        client.predict("late", pushed.table.drop_columns(["hour"]))
    with pytest.raises(UnknownName, match="no endpoint named 'lte'"):
        client.predict("lte", row)
    with pytest.raises(InvalidRequest, match="larger than"):
        client.predict("late", pa.concat_tables([pushed.table] * 90))
    with pytest.raises(InvalidInput, match="a str is asked about"):
        client.predict("late", "row")
    with pytest.raises(InvalidInput, match="no JSON"):
        client.predict("late", {"delay": object()})
    monkeypatch.delenv("HEADRACE_TOKEN", raising=False)
    for wrong in (None, "other"):
        with hr.Client(url, token=wrong) as stranger, pytest.raises(NotAllowed, match="token"):
            stranger.predict("late", row)
    monkeypatch.setenv("HEADRACE_TOKEN", "s3cret")
    with hr.Client(url) as known:
        assert known.endpoints()


def test_threads_and_forks_have_connections_of_their_own(client, pushed):
    """Eight threads at a time get each its own answers; so does a child of a process that had a connection open."""
    rows = pushed.table.to_pylist()
    wrong = []

    def ask(number):
        for place in range(number, 200, 8):
            if np.float32(client.predict("late", rows[place]).predictions) != pushed.expected[place]:
                wrong.append(place)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    client.predict("late", rows[0])
    child = os.fork()
    if child == 0:
        try:
            is_same = np.float32(client.predict("late", rows[1]).predictions) == pushed.expected[1]
        finally:
            os._exit(0 if is_same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert np.float32(client.predict("late", rows[2]).predictions) == pushed.expected[2]


def test_async_says_the_same(url, pushed):
    """Many tasks over few connections, each its own answer; refusals as from the other client."""

    async def ask():
        rows = pushed.table.to_pylist()
        async with hr.AsyncClient(url, token="s3cret", connections=4) as client:
            found = await asyncio.gather(*(client.predict("late", row) for row in rows[:60]))
            assert np.float32([one.predictions for one in found]).tobytes() == pushed.expected[:60].tobytes()
            table = (await client.predict("late", pushed.table)).predictions
            assert table["prediction"].to_numpy().tobytes() == pushed.expected.tobytes()
            frame = (await client.predict("late", pushed.table.to_pandas())).predictions
            assert frame["prediction"].to_numpy().tobytes() == pushed.expected.tobytes()
            await client.reward(found[0].request_id, 0.5)
            assert [one.name for one in await client.endpoints()] == ["late"]
            with pytest.raises(UnknownName, match="lte"):
                await client.predict("lte", rows[0])
            with pytest.raises(InvalidRequest, match="larger than"):
                await client.predict("late", pa.concat_tables([pushed.table] * 90))

    asyncio.run(ask())
