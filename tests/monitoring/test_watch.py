"""Following an endpoint: alerts that begin, are told by webhook and mail, act, and end."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput, UnknownName
from headrace.monitoring import Channels, Delivery, SliceBaseline, Watch, alerts
from tests.serving.conftest import home, pushed, running, wait_until  # noqa: F401  # fixtures

PREDICT = "/v1/models/late:predict"


class Receiver:
    """A webhook's other end, on loopback; `fail` first answers so many times with 500."""

    def __init__(self, fail=0):
        self.got, outer = [], self
        self.fail = fail

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                """Take it."""
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.fail -= 1
                self.send_response(500 if outer.fail >= 0 else 200)
                self.end_headers()
                if outer.fail < 0:
                    outer.got.append((time.time(), body))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Listen no longer."""
        self.server.shutdown()
        self.server.server_close()


class Relay:
    """A mail relay on loopback that speaks as much SMTP as a client needs (RFC 5321)."""

    def __init__(self):
        self.mails = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        """One client after the other."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rwb") as file:
                file.write(b"220 here\r\n")
                file.flush()
                while line := file.readline():
                    answer = b"250 ok\r\n"
                    if line.upper().startswith(b"DATA"):
                        file.write(b"354 go on\r\n")
                        file.flush()
                        data = b""
                        while (one := file.readline()) != b".\r\n":
                            data += one
                        self.mails.append(data.decode())
                    elif line.upper().startswith(b"QUIT"):
                        answer = b"221 bye\r\n"
                    file.write(answer)
                    file.flush()

    def close(self):
        """Listen no longer."""
        self.listener.close()


@pytest.fixture
def receiver():
    """A webhook."""
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def relay():
    """A mail relay."""
    found = Relay()
    yield found
    found.close()


@pytest.mark.slow
def test_a_breach_is_told_and_its_end_too(pushed, home, receiver, relay):  # noqa: F811
    """Refused requests: alert by webhook and mail; when good ones come and the window is over: resolved."""
    row = pushed.rows()[0]
    delivery = Delivery(Channels((receiver.url,), ("oncall@example.org",), relay.address))
    with running(home) as (client, _), hr.open_store(home) as store:
        watch = Watch(store, "late", ["refused_share <= 0.2 with 10 rows"], window_s=3.0, send=delivery.send)
        for _ in range(20):
            client.post(PREDICT, json={"instances": [row]})
        assert watch.turn() == []
        for _ in range(30):
            client.post(PREDICT, json={"instances": [{"nothing": 1}]})

        def turned():
            """told"""
            watch.turn()
            return receiver.got and relay.mails

        wait_until(turned)
        _, body = receiver.got[0]
        assert body["state"] == "firing" and body["rule"] == "refused_share <= 0.2 with 10 rows"
        mail = " ".join(relay.mails[0].split())  # long headers are folded
        assert "Subject: headrace: late: refused_share <= 0.2" in mail and "To: oncall@example.org" in mail
        assert [one["state"] for one in alerts(store, "late")] == ["firing"]
        again = Watch(store, "late", ["refused_share <= 0.2 with 10 rows"], window_s=3.0)
        assert again.turn() == []  # told already

        def resolved():
            """over"""
            client.post(PREDICT, json={"instances": [row]})
            client.post(PREDICT, json={"instances": [row]})
            watch.turn()
            return len(receiver.got) == 2

        wait_until(resolved)
        assert receiver.got[1][1]["state"] == "resolved"
        assert [one["state"] for one in alerts(store, "late")] == ["resolved"]
    delivery.close()


def test_an_alert_acts_once(pushed, home):  # noqa: F811
    """`act` is called when it begins, not at every look; staleness needs no request."""
    acted = []
    with hr.open_store(home) as store:
        watch = Watch(store, "late", ["stale_s <= 0.1"], window_s=1.0, act=acted.append)
        time.sleep(0.2)
        now = time.time_ns() // 1000
        for second in range(4):
            watch.turn(now + second * 1_000_000)
    assert [one["rule"] for one in acted] == ["stale_s <= 0.1"]


def test_bad_rules_and_places(pushed, home):  # noqa: F811
    """An unknown metric, a champion, an unknown column or endpoint, and addresses that are none."""
    with hr.open_store(home) as store:
        with pytest.raises(UnknownName, match="p99_ms"):
            Watch(store, "late", ["p99_s <= 1"])
        with pytest.raises(InvalidInput, match="champion"):
            Watch(store, "late", ["p99_ms <= champion"])
        with pytest.raises(UnknownName, match="endpoint"):
            Watch(store, "lat")
        with pytest.raises(UnknownName, match="column"):
            Watch(store, "late", slices=["origin"])
    for bad in (
        {"webhooks": ["file:///etc/passwd"]},
        {"emails": ["a"]},
        {"emails": ["a@b\r\nBcc: c@d"]},
        {"smtp": "x"},
    ):
        with pytest.raises(InvalidInput):
            Channels(**bad)


def test_a_webhook_that_fails_is_tried_again_and_told(capfd):
    """500 twice, then taken; one that is never there is said, without its address's secret."""
    receiver = Receiver(fail=2)
    delivery = Delivery(Channels((receiver.url, "http://127.0.0.1:1/secret-token")))
    delivery.send("late: something", {"state": "firing"})
    wait_until(lambda: delivery.num_failed == 1)
    delivery.close()
    receiver.close()
    assert len(receiver.got) == 1
    told = capfd.readouterr().err
    assert "not delivered by webhook 127.0.0.1" in told and "secret-token" not in told


def window(seed, num=4000, shift=0.0):
    """Rows of 20 carriers; one of them, a twentieth of all, may be shifted by so many standard deviations."""
    draw = np.random.default_rng(seed)
    carrier = draw.integers(0, 20, num)
    delay = draw.normal(10, 30, num) + np.where(carrier == 7, shift * 30, 0.0)
    return pa.table(
        {
            "delay": pa.array(
                [
                    None if hide else value
                    for value, hide in zip(delay.tolist(), (draw.random(num) < 0.05).tolist(), strict=True)
                ]
            ),
            "carrier": pa.array([f"C{one:02d}" for one in carrier.tolist()]),
        }
    )


@pytest.mark.slow
def test_a_shift_in_one_slice_is_named():
    """0.3 standard deviations in a twentieth of the rows: nothing to see in all of them, the slice by name; and A/A."""
    baseline = SliceBaseline(window(1, 60_000), ["delay", "carrier"], ["carrier"])
    found = baseline.compare(window(2, 20_000, shift=0.3))
    over = [(one.feature, one.slice) for one in found if one.ratio > 1]
    assert over == [("delay", (("carrier", "C07"),))]
    assert [one for seed in range(5) for one in baseline.compare(window(10 + seed, 20_000)) if one.ratio > 1] == []
    assert baseline.compare(window(3, 0)) == []
