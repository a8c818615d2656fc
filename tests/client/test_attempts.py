"""What the clients do when a server misbehaves: ask again where that is safe, and never where it is not."""

import asyncio
import time

import pytest

import headrace as hr
from headrace.errors import DeadlineExceeded, InvalidInput, RequestFailed, TooManyRequests
from tests.client.conftest import saying, says

BUSY = says(b'{"error": "too much"}', "503 Service Unavailable", "retry-after: 0.2")


@pytest.fixture(params=["sync", "async"])
def endpoints(request):
    """The endpoints that a server names, asked by either client."""

    def sync(url, **options):
        with hr.Client(url, **options) as client:
            for _ in range(options.pop("turns", 1)):
                found = client.endpoints()
            return found

    def asynchronous(url, **options):
        async def ask():
            async with hr.AsyncClient(url, **options) as client:
                return await client.endpoints()

        return asyncio.run(ask())

    return sync if request.param == "sync" else asynchronous


def test_a_busy_server_is_asked_again_when_it_says(endpoints):
    """Not before Retry-After, and as often as there are retries."""
    with saying([BUSY, BUSY, says()]) as (url, requests):
        start = time.monotonic()
        assert endpoints(url) == []
        assert time.monotonic() - start >= 0.4
        assert len(requests) == 3
    with saying([BUSY, BUSY, BUSY]) as (url, requests):
        with pytest.raises(RequestFailed, match="too much") as caught:
            endpoints(url, retries=1)
        assert (caught.value.status, len(requests)) == (503, 2)
    quota = says(b'{"error": "quota"}', "429 Too Many Requests", "retry-after: 0.01")
    with saying([quota]) as (url, _), pytest.raises(TooManyRequests, match="quota"):
        endpoints(url, retries=0)


def test_a_wait_that_is_longer_than_there_is_time_is_not_begun(endpoints):
    """What the server said is told at once."""
    later = says(b'{"error": "too much"}', "503 Service Unavailable", "retry-after: 3600")
    with saying([later]) as (url, _):
        start = time.monotonic()
        with pytest.raises(RequestFailed, match="too much"):
            endpoints(url, timeout_s=30)
        assert time.monotonic() - start < 20


def test_a_connection_that_broke_before_an_answer_is_made_anew(endpoints):
    """It was closed for being idle, or its server went: nothing was answered, so it can be asked again."""
    with saying([], [], [says()]) as (url, _):
        assert endpoints(url) == []
    with pytest.raises(RequestFailed, match="does not answer"):
        endpoints("http://127.0.0.1:9", retries=1)


def test_an_idle_connection_that_was_closed_costs_no_attempt():
    """The second request finds it closed, and is asked on another though no retry is allowed."""
    with saying([says()], [says()]) as (url, requests), hr.Client(url, retries=0) as client:
        assert client.endpoints() == client.endpoints() == []
        assert len(requests) == 2


def test_half_an_answer_is_never_asked_for_again(endpoints):
    """The server did what it was asked to; what it said is lost."""
    whole = says(b'{"models": []}')
    for cut in (whole[:-3], whole[:20]):
        with saying([cut], [whole]) as (url, requests):
            with pytest.raises(RequestFailed, match="cut off"):
                endpoints(url)
            assert len(requests) == 1


def test_time_is_kept(endpoints):
    """A server that says nothing, and one that says a byte now and then, are left when time is over."""
    with saying([30.0]) as (url, _), pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
        endpoints(url, timeout_s=0.3)
    with saying([says()]) as (url, requests):
        endpoints(url, timeout_s=5)
        assert 4000 < int(requests[0]["headrace-timeout-ms"]) <= 5000


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"mo\r\n' + b'a\r\ndels": []}\r\n0\r\n\r\n',
        b"HTTP/1.1 100 Continue\r\n\r\n" + says(),
        says(b'{"models": []}', "200 OK", "connection: close"),
        b'HTTP/1.0 200 OK\r\n\r\n{"models": []}',
    ],
    ids=["chunked", "continue", "close", "to the end"],
)
def test_every_way_to_say_a_length_is_read(endpoints, answer):
    """Chunks, a length, the connection's end."""
    with saying([answer]) as (url, _):
        assert endpoints(url) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        says(b"no json"),
        says(b'{"models": 5}'),
        says(b"<html>", "502 Bad Gateway"),
    ],
    ids=["ssh", "no status", "length", "chunk", "no json", "shape", "gateway"],
)
def test_nonsense_is_an_error_of_ours(endpoints, answer):
    """Never one of the standard library's."""
    with saying([answer], []) as (url, _), pytest.raises(RequestFailed):
        endpoints(url, retries=0)


@pytest.mark.parametrize("url", ["localhost:80", "ftp://host", "http://", "http://a:b@host", "http://host:port", "x"])
def test_what_is_no_place_is_refused(url):
    """With what one looks like."""
    with pytest.raises(InvalidInput, match="http://localhost:8501"):
        hr.Client(url)


def test_a_token_ends_no_line():
    """A header cannot be smuggled in."""
    with saying([says()]) as (url, _), pytest.raises(InvalidInput, match="authorization"):
        hr.Client(url, token="a\r\nx: y").endpoints()
