"""The explain protocol: what the model says in process, for rows and tables; refusals as for predictions."""

import pytest

import headrace as hr
from tests.serving.conftest import running

EXPLAIN = "/v1/models/late:explain"


@pytest.fixture(scope="module")
def server(pushed):
    """(client, its address)."""
    with running(pushed.home) as (client, _):
        yield client, str(client.base_url)


def test_explanations_are_those_of_the_model(server, pushed):
    """For rows, for one, and for tables; with the version, and without an id: nothing was answered."""
    client, url = server
    expected = pushed.model.explain(pushed.table.slice(0, 20)).to_plain()
    answer = client.post(EXPLAIN, json={"instances": pushed.rows()[:20]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["explanations"] == expected
    assert answer.headers["headrace-version"] == "1"
    assert "headrace-request-id" not in answer.headers
    assert client.post("/v1/models/late/versions/1:explain", json={"instances": pushed.rows()[:1]}).status_code == 200
    with hr.Client(url) as mine:
        assert mine.explain("late", pushed.table.slice(0, 20)) == expected
        assert mine.explain("late", pushed.table.slice(2, 1).to_pylist()[0]) == expected[2:3]
        prediction = mine.predict("late", pushed.table.slice(2, 1).to_pylist()[0]).predictions
    assert expected[2]["prediction"] == pytest.approx(prediction, abs=1e-7)


def test_many_at_once(server, pushed):
    """A hundred rows, also in a body that is read on a thread of its own."""
    client, _ = server
    rows = pushed.rows()[:100]
    answer = client.post(EXPLAIN, json={"instances": [{**row, "tail": "x" * 2000} for row in rows]})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["explanations"]) == 100


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (lambda rows: {"instances": [{**rows[0], "hour": "five"}]}, 400, "hour"),
        (lambda rows: {"instances": []}, 400, "no row"),
        (lambda rows: {"instances": rows[:101]}, 400, "at most 100"),
        (lambda rows: {"rows": []}, 400, "instances"),
    ],
)
def test_refusals(server, pushed, change, status, said):
    """By name, as for predictions."""
    client, _ = server
    answer = client.post(EXPLAIN, json=change(pushed.rows()))
    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text


def test_other_ways_to_ask(server, pushed):
    """Another method 405; another endpoint, or version, 404."""
    client, _ = server
    assert client.get(EXPLAIN).status_code == 405
    assert client.post("/v1/models/early:explain", json={"instances": pushed.rows()[:1]}).status_code == 404
    assert client.post("/v1/models/late/versions/9:explain", json={"instances": pushed.rows()[:1]}).status_code == 404


def test_time_is_kept(server, pushed):
    """What cannot be explained in the caller's time is given up, with status 504."""
    client, _ = server
    answer = client.post(EXPLAIN, json={"instances": pushed.rows()[:100]}, headers={"headrace-timeout-ms": "1"})
    assert answer.status_code == 504, answer.text
    assert "of 100 rows" in answer.json()["error"]
