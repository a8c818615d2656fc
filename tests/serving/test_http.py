"""The HTTP door: what is refused, and how."""

import asyncio
import os

from headrace.serving.core import Serving
from headrace.serving.http import Door
from tests.serving.conftest import running


def test_health(client):
    """Live and ready answer without a model's name."""
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_unknown_is_denied(client):
    """A route, endpoint or method that is not ours is a clear no."""
    for path in ("/favicon.ico", "/v1", "/v1/modelsx", "/v1/models/late/secrets"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "POST /v1/models/NAME:predict" in answer.json()["routes"]
    assert client.get("/v1/models/../late").status_code == 404
    assert client.delete("/v1/models/late").status_code == 405
    answer = client.post("/v1/models/lat:predict", json={"instances": [{}]})
    assert answer.status_code == 404
    assert "did you mean 'late'" in answer.json()["error"]


def test_root_says_what_there_is(client):
    """Whoever opens the address in a browser reads the endpoints and the routes."""
    answer = client.get("/").json()
    assert answer["endpoints"] == ["late"]
    assert "GET /v1/models/NAME" in answer["routes"] and "GET /health/ready" in answer["routes"]
    assert client.post("/", json={}).status_code == 404


def test_other_host_is_refused(client):
    """A web page that rebinds its name to loopback gets nothing."""
    assert client.get("/health/live", headers={"host": "evil.example"}).status_code == 421


def test_large_body_is_refused_unread(client):
    """A hundred megabytes are turned away, announced or not, and the server goes on."""
    part = b"x" * (1 << 20)
    answer = client.post("/v1/models/late:predict", content=(part for _ in range(100)))
    assert answer.status_code == 413
    answer = client.post("/v1/models/late:predict", content=part * 20)
    assert answer.status_code == 413
    assert client.get("/health/live").status_code == 200


def test_token_is_needed_when_set(pushed):
    """With HEADRACE_TOKEN every route but live and ready needs it, and nobody without it learns what there is."""
    with running(pushed.home, environment={"HEADRACE_TOKEN": "s3cret"}) as (client, _):
        assert client.get("/health/live").status_code == 200
        for path in ("/", "/v1/models", "/v1/models/late", "/nothing"):
            assert client.get(path).status_code == 401
        assert client.get("/v1/models/late", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/v1/models/late", headers={"authorization": "Bearer s3cret"}).status_code == 200
    assert "HEADRACE_TOKEN" not in os.environ


def test_a_crowd_takes_turns():
    """Requests of a crowd are let through in their order, one a round of the loop, so that a newcomer waits for one."""

    async def work():
        door = Door(Serving(), body_bytes=1, hosts=None, token="", protocols=[])
        door.capacity._requests.each_ns = 1e9
        order, rounds = [], []

        async def one(number):
            await door._turn()
            order.append(number)

        async def newcomer():
            while len(order) < 5:
                rounds.append(len(order))
                await asyncio.sleep(0)

        await asyncio.gather(*map(one, range(5)), newcomer())
        return order, rounds

    order, rounds = asyncio.run(work())
    assert order == [0, 1, 2, 3, 4]
    assert set(rounds) == {0, 1, 2, 3, 4}, "the loop did not come round between two of them"
