"""The door: who may ask what, over what, and that nobody without credentials learns anything."""

import shutil
import socket
import ssl
import time

import httpx
import pytest

from headrace.access import Person, Tokens
from headrace.errors import InvalidInput
from headrace.serving import Asking, Serving, ask, serve
from headrace.serving._credentials import Forbidden, view_of
from headrace.settings import Settings
from tests.serving.conftest import running, wait_until
from tests.serving.papers import make_papers

PREDICT = "/v1/models/late:predict"
OPEN = {f"GET {prefix}/health/{page}" for prefix in ("", "/v2") for page in ("live", "ready")}


def bearer(secret):
    """The header that carries a secret."""
    return {"authorization": f"Bearer {secret}"}


def addresses(client, headers):
    """(method, path) of every route the server says it has, names filled in."""
    for route in client.get("/", headers=headers).json()["routes"]:
        method, path = route.split(" ", 1)
        for word, value in (("NAME", "late"), ("VERSION", "1"), ("LABEL", "stable"), ("/N", "/1")):
            path = path.replace(word, value)
        yield route, method, path


@pytest.fixture(scope="module")
def guarded(pushed, tmp_path_factory):
    """A server whose project gave out tokens: its client, the tokens, and everything it writes to its log."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    shutil.copytree(pushed.home, home, ignore=shutil.ignore_patterns("requests"))
    tokens = Tokens(home)
    secrets = {
        "shop": tokens.add("shop", "client", asks=["late"])[1],
        "other": tokens.add("other", "client", asks=["price-*"])[1],
        "ada": tokens.add("ada", "admin")[1],
    }
    with running(home, environment={"HEADRACE_TOKEN": "s3cret-of-the-server"}) as (client, _):
        yield client, tokens, secrets


def test_every_route_wants_credentials(guarded):
    """Each route there is, asked by its own method and the other, is 401 for nobody, but live and ready."""
    client, _, _ = guarded
    routes = list(addresses(client, bearer("s3cret-of-the-server")))
    assert len(routes) > 15 and {route for route, _, _ in routes} >= OPEN
    for route, method, path in [*routes, ("", "GET", "/"), ("", "GET", "/nothing"), ("", "DELETE", PREDICT)]:
        for asked in dict.fromkeys((method, "GET", "POST", "PUT", "OPTIONS", "HEAD")):
            for headers in ({}, {"authorization": "Bearer"}, bearer("wrong"), {"authorization": "Basic czNjcmV0"}):
                status = client.request(asked, path, headers=headers).status_code
                assert status == (200 if route in OPEN else 401), (asked, path, headers)


def test_a_token_is_for_its_endpoints(guarded, pushed):
    """Who may ask `late` is answered there; who may not learns neither its columns nor that it exists."""
    client, _, secrets = guarded
    body = {"instances": pushed.rows()[:1]}
    assert client.post(PREDICT, json=body, headers=bearer(secrets["shop"])).status_code == 200
    assert client.get("/v1/models", headers=bearer(secrets["shop"])).json()["models"][0]["name"] == "late"
    for name in ("late", "nothing"):
        for method, path in (("POST", f"/v1/models/{name}:predict"), ("GET", f"/v1/models/{name}"),
                             ("GET", f"/v1/models/{name}/metadata"), ("POST", f"/v1/models/{name}/versions/1:predict"),
                             ("POST", f"/v1/models/{name}:reward")):  # fmt: skip
            answer = client.request(method, path, json=body, headers=bearer(secrets["other"]))
            assert answer.status_code == 403, (path, answer.text)
            assert "carrier" not in answer.text
    assert client.get("/v1/models", headers=bearer(secrets["other"])).json() == {"models": []}
    assert client.get("/", headers=bearer(secrets["other"])).json()["endpoints"] == []
    # A token for pages alone asks nothing.
    assert client.get("/v1/models", headers=bearer(secrets["ada"])).status_code == 401


def test_a_revoked_token_opens_nothing(guarded):
    """Within a moment, without a new start; and the door stays one when the last token is gone."""
    client, tokens, _ = guarded
    _, secret = tokens.add("brief", "client", asks=["*"])
    wait_until(lambda: client.get("/v1/models/late", headers=bearer(secret)).status_code == 200)
    tokens.revoke("brief")
    wait_until(lambda: client.get("/v1/models/late", headers=bearer(secret)).status_code == 401)


def test_tokens_alone_close_the_door(home):
    """Without HEADRACE_TOKEN, on loopback: who gave out a token has a door, also once nobody can read who.

    No secret that was sent, right or wrong, is in what the server wrote.
    """
    tokens = Tokens(home)
    with running(home) as (client, process):
        assert client.get("/v1/models/late").status_code == 200
        _, secret = tokens.add("shop", "client", asks=["late"])
        wait_until(lambda: client.get("/v1/models/late").status_code == 401)
        assert client.get("/v1/models/late", headers=bearer(secret)).status_code == 200
        for one in (secret, "s3cret-of-a-stranger"):
            client.post(PREDICT, content=b"{", headers=bearer(one))
            client.get(f"/v1/models/{one}?token={one}", headers=bearer(one))
        (home / "access.json").write_text("{")
        wait_until(lambda: client.get("/v1/models/late", headers=bearer(secret)).status_code == 401)
        assert client.get("/v1/models/late").status_code == 401
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert "s3cret" not in out + err and secret[12:] not in out + err


class Quotas:
    """What counts whom it is asked for."""

    def __init__(self):
        self.taken = []

    def take(self, endpoint, _):
        """Count."""
        self.taken.append(endpoint)


def test_who_may_not_ask_uses_up_nothing():
    """A refused caller is refused before anything is counted, or looked up, for the endpoint of others."""
    serving = Serving()
    serving.quotas = Quotas()
    mine = view_of(serving, Person("other", "client", asks=("price-*",)))
    for more in ({}, {"version": 1}, {"label": "stable"}):
        with pytest.raises(Forbidden):
            ask(mine, Asking("late", lambda _: pytest.fail("it was read"), 0, **more), lambda _: None)
    assert serving.quotas.taken == []


def test_pages_of_another_origin_are_refused(client):
    """A page in somebody's browser reaches nothing by any method; one that the server's own address shows may."""
    host = client.base_url.netloc.decode()
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example", f"x{host}"):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            assert client.request(method, PREDICT, headers={"origin": origin}).status_code == 403, origin
    assert client.get("/v1/models", headers={"origin": f"http://{host}"}).status_code == 200


def talk(client, data, *, timeout_s=30.0):
    """Send bytes, and read what comes until the server closes."""
    with socket.create_connection(("127.0.0.1", client.base_url.port), timeout=timeout_s) as link:
        link.sendall(data)
        found = b""
        while part := link.recv(65536):
            found += part
        return found


@pytest.fixture(scope="module")
def hasty(pushed):
    """A server that waits for nobody longer than a second, and holds sixteen connections."""
    settings = {"HEADRACE_CLIENT_TIMEOUT_S": "1", "HEADRACE_CONNECTIONS": "16"}
    with running(pushed.home, environment=settings) as (client, _):
        yield client


def test_slow_heads_and_bodies_end(hasty):
    """A head, or a body, that never comes whole is not waited for, and who sends one gets no slot for good."""
    assert talk(hasty, b"POST /v1/models/late:predict HT") == b""
    head = b"POST /v1/models/late:predict HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    assert talk(hasty, head + b"content-length: 100\r\n\r\n{").startswith(b"HTTP/1.1 408")
    assert talk(hasty, head + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n").startswith(b"HTTP/1.1 408")
    assert hasty.get("/health/live").status_code == 200


def test_many_slow_clients(hasty):
    """More connections than are held, all idle: others are answered as soon as these are closed."""
    links = [socket.create_connection(("127.0.0.1", hasty.base_url.port)) for _ in range(40)]
    for link in links:
        link.sendall(b"GET /v1/mod")
    started = time.monotonic()
    with httpx.Client(base_url=hasty.base_url, timeout=60) as client:
        assert client.get("/health/live").status_code == 200
    assert time.monotonic() - started < 60
    for link in links:
        link.close()


def test_large_heads_are_refused(client):
    """A header of a megabyte is 431, unread."""
    answer = talk(client, b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * (1 << 20) + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431") or answer == b""
    assert client.get("/health/live").status_code == 200


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """A certificate for 127.0.0.1, one of a client, and the authority of both."""
    return make_papers(tmp_path_factory.mktemp("papers"))


def trusting(papers, *, with_client=False):
    """A TLS context that knows the authority."""
    context = ssl.create_default_context(cafile=str(papers / "ca.pem"))
    if with_client:
        context.load_cert_chain(papers / "client.pem", papers / "client.key")
    return context


def test_tls(pushed, papers):
    """With a certificate the server speaks TLS alone, and says so in its address."""
    settings = {"HEADRACE_TLS_CERT": str(papers / "server.pem"), "HEADRACE_TLS_KEY": str(papers / "server.key")}
    with running(pushed.home, environment=settings) as (client, _):
        assert client.base_url.scheme == "https"
        with httpx.Client(base_url=client.base_url, verify=trusting(papers)) as trusted:
            assert trusted.post(PREDICT, json={"instances": pushed.rows()[:1]}).status_code == 200
        with pytest.raises(httpx.ConnectError):
            client.get("/health/live")  # nobody vouches for it there
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{client.base_url.port}/health/live")


def test_clients_with_certificates(pushed, papers):
    """With `tls_client_ca` who has no certificate reaches no route, and who has one needs no token elsewhere."""
    settings = {
        "HEADRACE_TLS_CERT": str(papers / "server.pem"),
        "HEADRACE_TLS_KEY": str(papers / "server.key"),
        "HEADRACE_TLS_CLIENT_CA": str(papers / "ca.pem"),
    }
    with running(pushed.home, "--host", "0.0.0.0", environment=settings) as (client, _):
        url = f"https://127.0.0.1:{client.base_url.port}"
        with httpx.Client(base_url=url, verify=trusting(papers, with_client=True)) as known:
            assert known.post(PREDICT, json={"instances": pushed.rows()[:1]}).status_code == 200
        with httpx.Client(base_url=url, verify=trusting(papers)) as unknown, pytest.raises(httpx.TransportError):
            unknown.get("/health/live")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tls_key": ""}, "tls_key is missing"),
        ({"tls_cert": "nowhere.pem"}, "no such file"),
        ({"tls_key": "ca.key"}, "cannot be used"),
        ({"tls_cert": "server.ext"}, "cannot be used"),
        ({"tls_client_ca": "server.ext"}, "cannot be used"),
    ],
)
def test_wrong_files(pushed, papers, change, said):
    """Each is one clear message before anything starts, and holds nothing of the key."""
    files = {"tls_cert": "server.pem", "tls_key": "server.key", **change}
    paths = {name: str(papers / file) if file else "" for name, file in files.items()}
    with pytest.raises(InvalidInput, match=said):
        serve(Settings(home=pushed.home, port=0, **paths))


def test_a_key_that_others_can_read(pushed, papers, tmp_path):
    """It is refused, with the command that mends it."""
    key = tmp_path / "open.key"
    shutil.copy(papers / "server.key", key)
    key.chmod(0o640)
    with pytest.raises(InvalidInput, match="chmod 600"):
        serve(Settings(home=pushed.home, port=0, tls_cert=str(papers / "server.pem"), tls_key=str(key)))
