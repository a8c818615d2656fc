"""Studies over HTTP: real requests to a real `headrace tune serve`, from workers that come, die and come back."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from headrace.store import Store
from headrace.tuning import Study

SPACE = {"depth": {"int": [1, 9]}, "rate": {"float": [0.01, 1.0], "log": True}, "kind": {"choice": ["a", "b"]}}


@contextmanager
def running(home, *options, environment=None):
    """A server over a store; yields a client."""
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "tune", "serve", "--port", "0", "-o", "json", *options],
        env={**os.environ, "HEADRACE_HOME": str(home), **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, f"it ended with exit code {process.wait()}"
        with httpx.Client(base_url=json.loads(line)["url"], timeout=30) as client:
            yield client
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One store for the tests of this module."""
    return tmp_path_factory.mktemp("studies") / "home"


@pytest.fixture(scope="module")
def client(home):
    """A client of one server."""
    with running(home) as found:
        yield found


def make(client, name, **options):
    """A study, made."""
    answer = client.post("/studies", json={"name": name, "space": SPACE, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def suggest(client, name):
    """What to try next."""
    answer = client.post(f"/studies/{name}/suggest")
    assert answer.status_code == 200, answer.text
    return answer.json()


def report(client, name, trial, status=200, **what):
    """Say what came of it."""
    answer = client.post(f"/studies/{name}/report", json={"number": trial["number"], "token": trial["token"], **what})
    assert answer.status_code == status, answer.text
    return answer.json()


def loss(params):
    """What a worker measures."""
    return (params["depth"] - 4) ** 2 + abs(params["rate"] - 0.1) + (params["kind"] == "b")


def test_a_whole_search(client, home):
    """Suggested, measured, reported: the best is found, the log is whole, and it can be replayed."""
    made = make(client, "whole", trials=12, seed=3, first={"depth": 9, "rate": 0.5, "kind": "b"})
    assert made["space"] == SPACE and made["best"] is None and made["searcher"] == "GaussianProcess"
    assert make(client, "whole", trials=12, seed=3, first={"depth": 9, "rate": 0.5, "kind": "b"}) == made
    for number in range(12):
        trial = suggest(client, "whole")
        assert trial["number"] == number
        report(client, "whole", trial, losses={"0": 5.0})
        report(client, "whole", trial, losses={"1": 4.0}, value=loss(trial["params"]))
    assert suggest(client, "whole") == {"number": None, "params": None, "token": None}
    found = client.get("/studies/whole").json()
    assert found["trials"][0]["params"] == {"depth": 9, "rate": 0.5, "kind": "b"}
    assert found["trials"][5]["losses"] == {"0": 5.0, "1": 4.0}
    assert found["best"]["value"] == min(trial["value"] for trial in found["trials"]) < 20.0
    with Store.open(home, read_only=True) as store:
        rows = store.trials("whole")
        assert Study.from_plain(store.study("whole").spec).replay(rows) == [row.params for row in rows]


def test_a_dead_worker_s_trial_is_offered_again(client):
    """After its lease, with another token; the old one can report nothing any more, and it is counted once."""
    make(client, "dead", lease_s=0.5)
    first = suggest(client, "dead")
    other = suggest(client, "dead")
    assert other["number"] == 1, "while it holds its lease another worker gets another trial"
    time.sleep(0.7)
    again = suggest(client, "dead")
    assert again["number"] == first["number"] and again["params"] == first["params"]
    assert again["token"] != first["token"]
    said = report(client, "dead", first, status=409, value=1.0)
    assert "was given to another worker" in said["error"]
    report(client, "dead", again, value=2.0)
    assert "has ended" in report(client, "dead", again, status=409, value=3.0)["error"]
    trials = client.get("/studies/dead").json()["trials"]
    assert (trials[0]["value"], trials[0]["num_attempts"]) == (2.0, 2)


def test_a_report_renews_the_lease(client):
    """A worker that says how it is doing keeps its trial for longer than one lease."""
    make(client, "slow", lease_s=1.0)
    trial = suggest(client, "slow")
    for step in range(4):
        time.sleep(0.4)
        report(client, "slow", trial, losses={str(step): 1.0})
    assert suggest(client, "slow")["number"] == 1
    assert report(client, "slow", trial, value=1.0)["is_ended"]


def test_workers_are_told_to_stop(client):
    """A trial behind the median of those before it; one that reported nothing, or is ahead, goes on."""
    make(client, "stop", stopping="median")
    for _ in range(5):
        trial = suggest(client, "stop")
        report(client, "stop", trial, losses={str(step): 1.0 for step in range(20)}, value=1.0)

    def should_stop(trial):
        return client.post(
            "/studies/stop/should_stop", json={"number": trial["number"], "token": trial["token"]}
        ).json()["stop"]

    bad, good = suggest(client, "stop"), suggest(client, "stop")
    assert not should_stop(bad)
    report(client, "stop", bad, losses={"12": 2.0})
    report(client, "stop", good, losses={"12": 0.5})
    assert should_stop(bad) and not should_stop(good)
    report(client, "stop", bad, value=2.0, stopped=True)
    report(client, "stop", good, failed="out of memory")
    states = [trial["state"] for trial in client.get("/studies/stop").json()["trials"]]
    assert states[5:] == ["stopped", "failed"]


def test_maximize(client):
    """The goal says which way is up."""
    make(client, "up", goal="maximize")
    for value in (1.0, 3.0, 2.0):
        report(client, "up", suggest(client, "up"), value=value)
    assert client.get("/studies/up").json()["best"]["value"] == 3.0


def test_wrong_requests(client):
    """One clear message each, status 400 or 404, and nothing is written."""
    make(client, "wrong")
    for path, body, status, said in (
        ("/studies", {"name": "../x", "space": SPACE}, 400, "name = '../x'"),
        ("/studies", {"name": "n"}, 400, "space = None"),
        ("/studies", {"name": "n", "space": {"x": {"float": [2, 1]}}}, 400, "holds no two values"),
        ("/studies", {"name": "n", "space": {"x": [1, 2]}}, 400, "says no range"),
        ("/studies", {"name": "n", "space": SPACE, "goal": "maximise"}, 404, "did you mean 'maximize'"),
        (
            "/studies",
            {"name": "n", "space": SPACE, "searcher": "gausian_process"},
            404,
            "did you mean 'gaussian_process'",
        ),
        ("/studies", {"name": "n", "space": SPACE, "seed": -1}, 400, "seed = -1"),
        ("/studies", {"name": "n", "space": SPACE, "first": {"depth": 3}}, 400, "expected all of depth, rate, kind"),
        ("/studies", {"name": "n", "space": SPACE, "tirals": 3}, 400, "'tirals' is not known here"),
        ("/studies", {"name": "wrong", "space": SPACE, "seed": 9}, 400, "searches something else: seed differ"),
        ("/studies/wong/suggest", None, 404, "did you mean 'wrong'"),
        ("/studies/wrong/report", {"number": 0, "token": "x", "value": 1.0}, 404, "no trial"),
        ("/studies/wrong/report", {"value": 1.0}, 400, "number = None"),
        ("/studies/wrong/should_stop", {"number": 0}, 400, "the token is missing"),
        ("/studies/wrong/delete", {}, 404, "no such route"),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == status and said in answer.json()["error"], (path, body, answer.text)
    answer = client.post("/studies", content=b'{"name": ')
    assert answer.status_code == 400 and "no JSON" in answer.json()["error"]
    trial = suggest(client, "wrong")
    for what in (
        {"value": "high"},
        {"value": True},
        {"losses": [1]},
        {"losses": {"0": "x"}},
        {"losses": {"a": 1.0}},
        {"failed": "x", "value": 1.0},
        {"stopped": 1},
    ):
        assert "error" in report(client, "wrong", trial, status=400, **what)
    assert client.get("/studies/wrong").json()["trials"][0]["state"] == "running"
    assert "n" not in client.get("/studies").json()["studies"]


def test_doors(client):
    """Health answers; another host, route or method is a no."""
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").json() == {"ready": True}
    assert client.get("/studies/wrong", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/v1/models").status_code == 404
    assert client.delete("/studies/wrong").status_code == 405
    assert "POST /studies/NAME/suggest" in client.get("/").json()["routes"]


def test_a_token_is_needed(tmp_path):
    """Where one is set every route but live and ready needs it; off loopback there is no serving without one."""
    with running(tmp_path / "home", environment={"HEADRACE_TOKEN": "s3cret"}) as client:
        assert client.get("/health/live").status_code == 200
        assert client.post("/studies", json={"name": "a", "space": SPACE}).status_code == 401
        client.headers["authorization"] = "Bearer s3cret"
        make(client, "a")
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", "tune", "serve", "--host", "0.0.0.0", "--port", "0"],
        env={key: value for key, value in os.environ.items() if key != "HEADRACE_TOKEN"}
        | {"HEADRACE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "set HEADRACE_TOKEN" in done.stderr


def test_what_was_told_survives_the_server(tmp_path):
    """Stopped and started again, the study goes on, with the lease of the trial in hand."""
    with running(tmp_path / "home") as client:
        make(client, "kept")
        trial = suggest(client, "kept")
    with running(tmp_path / "home") as client:
        assert client.get("/studies").json() == {"studies": ["kept"]}
        assert suggest(client, "kept")["number"] == 1
        assert report(client, "kept", trial, value=1.0) == {"number": 0, "is_ended": True}
