"""The guard: other hosts, other sites, forged forms, sessions that are over; what every answer says."""

import pytest

from headrace.settings import load_settings
from headrace.web.server import check_address, serve
from headrace.web.site import Site
from tests.web.conftest import BASE, Pages


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8601", "127.0.0.1.evil.example", ""])
def test_other_hosts(pages, host):
    """A name that another site has pointed at this machine is not answered."""
    assert pages.client.get("/runs", headers={"host": host}).status_code == 421


def test_own_hosts(pages):
    """Loopback is, by any of its names."""
    for host in ("127.0.0.1:8601", "localhost:8601", "[::1]:8601", "localhost"):
        assert pages.client.get("/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_forms_of_other_sites(pages, headers):
    """What another site sends in a visitor's name does nothing, even with a right mark."""
    path = f"/runs/{pages.run_id}/cancel"
    assert pages.client.post(path, data={"mark": pages.mark()}, headers=headers).status_code == 403
    assert pages.store.events_of("audit") == []


def test_forms_without_their_mark(pages):
    """A form must carry its own session's mark."""
    path = f"/runs/{pages.run_id}/cancel"
    other = pages.site.sessions.mark(pages.site.sessions.make())
    for mark in ({}, {"mark": ""}, {"mark": other}):
        assert pages.client.post(path, data=mark, headers={"origin": BASE}).status_code == 403
    assert pages.post(path).status_code == 303


def test_headers(pages):
    """Nothing from elsewhere, nothing in frames, nothing kept, on pages, data, errors and refusals alike."""
    for path in ("/runs", "/runs.json", "/nothing", "/login", f"/runs/{pages.run_id}/steps/train/log"):
        headers = pages.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_login(pages):
    """A secret gives a new session that a script cannot read and no other site can use; it ends with the token."""
    secret = pages.secret("operator", name="ada")
    assert pages.client.get("/runs").status_code == 303
    assert pages.post("/login", {"secret": "wrong"}).status_code == 403
    before = pages.client.cookies["headrace_session"]
    answer = pages.post("/login", {"secret": secret})
    assert answer.status_code == 303
    told = answer.headers["set-cookie"]
    assert "HttpOnly" in told and "SameSite=Strict" in told and pages.client.cookies["headrace_session"] != before
    page = pages.client.get("/runs")
    assert page.status_code == 200 and "ada" in page.text and secret not in page.text
    pages.site.tokens.revoke("ada")
    assert pages.client.get("/runs").status_code == 303


def test_logout(pages):
    """It takes the session away."""
    secret = pages.secret("viewer")
    pages.post("/login", {"secret": secret})
    assert pages.post("/logout").headers["location"] == "/login"
    assert pages.client.get("/runs").status_code == 303


def test_a_forged_session(pages):
    """A session with another's id, or a later end, is none."""
    token, _ = pages.site.tokens.add("ada", "admin")
    made = pages.site.sessions.make()
    parts = made.split(".")
    for forged in (
        f"{token.token_id}.{parts[1]}.{parts[2]}.{parts[3]}",
        f"{parts[0]}.{int(parts[1]) + 9}.{parts[2]}.{parts[3]}",
        "x",
        "....",
    ):
        pages.client.cookies.set("headrace_session", forged, domain="127.0.0.1")
        assert pages.client.get("/runs").status_code == 303
        pages.client.cookies.clear()


def test_over_tls_the_cookie_stays_there(pages):
    """Behind what speaks TLS it is sent over TLS alone."""
    told = pages.client.get("/login", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert "; Secure" in told


def test_beyond_loopback(project, prepared, monkeypatch):
    """Another address needs tokens, from the start and for ever: without any nobody is let in."""
    months = prepared(project)
    monkeypatch.setenv("HEADRACE_WEB_HOST", "0.0.0.0")
    settings = load_settings(project.folder)
    with pytest.raises(ValueError, match=r"nobody has a token.*headrace tokens add NAME --role admin"):
        serve(settings, project.folder)
    from headrace.store import Store

    with Store.open(project.folder / ".headrace") as store:
        pages = Pages(months, store)
        secret = pages.secret("viewer")
        check_address(settings)
        assert pages.as_person(secret).get("/runs", headers={"host": "box.example:8601"}).status_code == 200
        (project.folder / ".headrace" / "access.json").unlink()  # whoever takes the tokens away opens nothing
        assert pages.client.get("/runs").status_code == 303
        assert Site(store, settings, project.folder).person(None, None) is None


def test_a_form_that_is_too_large(pages, monkeypatch):
    """It is refused by what it says of itself, and by what comes."""
    monkeypatch.setenv("HEADRACE_BODY_MB", "1")
    pages.site.settings = load_settings(pages.project.folder)
    big = {"file": ("flow.py", b"x" * (2 << 20))}
    assert pages.post("/pipelines", files=big).status_code == 413
    kind = {"content-type": "multipart/form-data; boundary=b", "origin": BASE}

    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="flow.py"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 65536

    assert pages.client.post("/pipelines", content=chunks(), headers=kind).status_code == 413


@pytest.mark.slow
def test_a_port_that_is_taken(project):
    """`headrace up` says so once, and goes on without pages."""
    import socket

    from tests.orchestration.processes import messages, start, wait_until

    project.write("@hr.pipeline\ndef flow():\n    pass\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = start(project, "up", HEADRACE_WEB_PORT=str(taken.getsockname()[1]))
        wait_until(lambda: "going on without the pages" in messages(project), "what it says")
        assert up.poll() is None and messages(project).count("cannot be served") == 1
        assert "set web_port to another" in messages(project)
        up.terminate()
        up.wait(60)
