"""Versions change under load: no request fails, every answer is wholly of the version it names."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

import headrace as hr
from headrace.model import Model
from headrace.rules import Verdict
from tests.serving.conftest import running, wait_until, workers_of
from tests.serving.load import Load

pytestmark = pytest.mark.slow

FAST = {"HEADRACE_POLL_S": "0.05"}


def states(client):
    """version -> (state, message) as the server tells its clients."""
    found = client.get("/v1/models/late").json().get("model_version_status", ())
    return {int(one["version"]): (one["state"], one["status"]["error_message"]) for one in found}


def serves(client, version):
    """Waits until that version is the one served."""
    wait_until(lambda: states(client).get(version, ("",))[0] == "AVAILABLE")


def roll_back(home, *arguments):
    """`headrace endpoints rollback`."""
    return subprocess.run(
        [sys.executable, "-m", "headrace.cli", "endpoints", "rollback", "late", *arguments],
        env={**os.environ, "HEADRACE_HOME": str(home)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("keep", ["0", "600"])
def test_versions_change_under_load(pushed, home, keep):
    """Pushes and rollbacks while clients ask: none fails, all workers move, each answer is of the version it names."""
    expected = {version: pushed.predictions(version) for version in (1, 2, 3)}
    with running(home, workers=2, environment={**FAST, "HEADRACE_KEEP_PREVIOUS_S": keep}) as (client, _):
        with Load(client.base_url.port, pushed.rows(), expected) as load:
            for version in (2, 3):
                pushed.push(home, version)
                serves(client, version)
                time.sleep(0.3)
            with hr.open_store(home) as store:
                store.roll_back("late", 2)
            serves(client, 2)
            time.sleep(0.3)
        assert load.failures == []
        assert set(load.versions) == {1, 2, 3}
        first_of_last = len(load.versions) - 20
        assert set(load.versions[first_of_last:]) == {2}


def test_an_answer_names_its_version_and_itself(client, pushed):
    """Every answer to a prediction, refused ones too, carries the version and an id that no other has."""
    row = pushed.rows()[0]
    answers = [client.post("/v1/models/late:predict", json={"instances": [row]}) for _ in range(3)]
    answers.append(client.post("/v1/models/late:predict", json={"instances": [{"colour": 5}]}))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert {answer.headers["headrace-version"] for answer in answers} == {"1"}
    assert len({answer.headers["headrace-request-id"] for answer in answers}) == 4


def spoil(pushed, home, monkeypatch, version=2):
    """Push a model whose golden rows do not come out here."""
    model = pushed.other(version)
    golden = model.golden
    place = golden.schema.get_field_index("@output.prediction")
    changed = golden.set_column(
        place, golden.schema.field(place), golden.column(place).take(list(range(golden.num_rows))[::-1])
    )
    bad = Model(model.onnx, model.signature, native_files=model.native_files, golden=changed)
    with monkeypatch.context() as patch, hr.open_store(home) as store:
        patch.setattr(Model, "replay", lambda *_, **__: None)
        live = store.endpoint("late")
        store.save_artifact(bad)
        store.push("late", bad.digest, live.verdict_digest, expected_version=live.version)


def test_a_version_that_fails_its_golden_rows_is_refused(pushed, home, monkeypatch):
    """The old one goes on, clients are told, the log says it once; a rollback clears it, a good version replaces it."""
    with running(home, workers=2, environment=FAST) as (client, process):
        spoil(pushed, home, monkeypatch)
        for _ in range(4):  # whichever worker answers
            wait_until(lambda: states(client).get(2, ("",))[0] == "END")
            assert states(client)[1][0] == "AVAILABLE"
            state, message = states(client)[2]
            assert state == "END"
            assert "golden row" in message
            assert str(home) not in message
        with hr.open_store(home) as store:
            store.roll_back("late", 1)
        wait_until(lambda: 2 not in states(client))
        pushed.push(home, 3)
        serves(client, 3)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
        assert said.count("version 2 is not served") == 1


def test_a_server_that_starts_on_a_bad_version_serves_the_one_before(pushed, home, monkeypatch):
    """The newest version cannot be loaded: at a start, too, the one it replaced serves."""
    spoil(pushed, home, monkeypatch)
    with running(home, environment=FAST) as (client, _):
        wait_until(
            lambda: {version: state for version, (state, _) in states(client).items()} == {1: "AVAILABLE", 2: "END"}
        )
        answer = client.post("/v1/models/late:predict", json={"instances": pushed.rows()[:1]})
        assert answer.headers["headrace-version"] == "1"


def test_an_endpoint_without_any_good_version_is_unavailable(pushed, home, monkeypatch):
    """Nothing can be served: status 503 with the reason, and not ready."""
    for path in (home / "artifacts").glob("*/model.onnx"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with running(home, environment=FAST) as (client, _):
        assert client.get("/health/ready").status_code == 503
        answer = client.post("/v1/models/late:predict", json={"instances": pushed.rows()[:1]})
        assert answer.status_code == 503
        assert "damaged" in answer.json()["error"]
        pushed.push(home, 2)
        serves(client, 2)
        assert client.get("/health/ready").status_code == 200


def test_a_respawned_worker_serves_what_the_others_serve(pushed, home, monkeypatch):
    """A worker that dies after a version was refused comes back with the good one."""
    with running(home, workers=1, environment=FAST) as (client, process):
        spoil(pushed, home, monkeypatch)
        wait_until(lambda: states(client).get(2, ("",))[0] == "END")
        (victim,) = workers_of(process.pid)
        os.kill(victim, signal.SIGKILL)

        def back():
            try:
                return {version: state for version, (state, _) in states(client).items()}
            except httpx.TransportError:
                return None

        wait_until(lambda: back() == {1: "AVAILABLE", 2: "END"})


def test_a_push_without_any_endpoint_before_is_taken_up(pushed, tmp_path):
    """A server over an empty store serves the first version that is pushed."""
    home = tmp_path / "home"
    with hr.open_store(home):
        pass
    with running(home, environment=FAST) as (client, _):
        with hr.open_store(home) as store, hr.open_store(pushed.home) as first:
            verdict = first.load_artifact(first.endpoint("late").verdict_digest, Verdict)
            store.save_artifact(pushed.model)
            store.save_artifact(verdict)
            store.push("late", pushed.model.digest, verdict.digest, expected_version=None)
        serves(client, 1)
        assert client.get("/health/ready").status_code == 200


def test_sigterm_under_load_fails_no_request(pushed, home):
    """Every request on an open connection is answered, then the connection closes; new ones are refused."""
    expected = {1: pushed.expected}
    for _ in range(2):
        with running(home, workers=2) as (client, process):
            port = client.base_url.port
            client.close()
            with Load(port, pushed.rows(), expected, connections=8) as load:
                time.sleep(0.4)
                process.send_signal(signal.SIGTERM)
                process.wait(20)
                time.sleep(0.05)
            assert load.failures == []
            assert len(load.versions) > 50
            assert load.refused_connections > 0
            assert process.returncode == 0


def test_a_killed_supervisor_fails_no_request(pushed, home):
    """kill -9 of the parent: its workers answer what is open, then end by themselves."""
    with running(home, workers=2) as (client, process):
        port = client.base_url.port
        workers = workers_of(process.pid)
        client.close()
        with Load(port, pushed.rows(), {1: pushed.expected}, connections=4) as load:
            time.sleep(0.4)
            process.kill()
            process.wait(20)
            wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))  # noqa: PTH110
        assert load.failures == []
        assert load.refused_connections > 0


def test_rollback_command(pushed, home):
    """`headrace endpoints rollback` goes back one version, or to the one named; ls and show tell."""
    pushed.push(home, 2)
    pushed.push(home, 3)
    done = roll_back(home)
    assert done.returncode == 0, done.stderr
    with hr.open_store(home) as store:
        assert store.endpoint("late").version == 2
    assert roll_back(home, "--to", "1").returncode == 0
    assert roll_back(home, "--to", "9").returncode == 2
    shown = []
    for words in (["show", "late"], ["ls"]):
        done = subprocess.run(
            [sys.executable, "-m", "headrace.cli", "endpoints", *words, "-o", "json"],
            env={**os.environ, "HEADRACE_HOME": str(home)},
            capture_output=True,
            text=True,
        )
        shown.append(json.loads(done.stdout))
    plain, (listed,) = shown
    assert (listed["endpoint"], listed["version"]) == ("late", 1)
    assert (plain["endpoint"], plain["version"]) == ("late", 1)
    assert [move["version"] for move in plain["moves"]] == [1, 2, 3, 2, 1]
