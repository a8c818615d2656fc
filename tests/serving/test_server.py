"""The supervisor: the port, the workers, the versions."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, StoreError, UnknownName
from headrace.serving import serve
from headrace.settings import Settings
from tests.serving.conftest import running, workers_of


def test_port_in_use(pushed):
    """A taken port is one clear error, and no worker is left behind."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StoreError, match="cannot listen"):
            serve(Settings(home=pushed.home, port=other.getsockname()[1]))


def test_two_servers_do_not_share_a_port(pushed):
    """A second server on the port of a first is refused, not silently balanced with it."""
    with running(pushed.home) as (client, _), pytest.raises(StoreError, match="cannot listen"):
        serve(Settings(home=pushed.home, port=client.base_url.port))


def test_open_host_needs_a_token(pushed):
    """Nothing is served to other machines without a token."""
    with pytest.raises(InvalidInput, match="HEADRACE_TOKEN"):
        serve(Settings(home=pushed.home, host="0.0.0.0"))


def test_unknown_endpoint(pushed):
    """An endpoint that is not there is named, with those that are."""
    with pytest.raises(UnknownName, match="late"):
        serve(Settings(home=pushed.home, port=0), ["lat"])


def test_killed_worker_is_replaced(pushed):
    """kill -9 of a worker costs its own requests only: another takes its place."""
    with running(pushed.home, workers=2) as (client, process):
        victim = workers_of(process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            now = workers_of(process.pid)
            if victim not in now and len(now) == 2:
                break
            time.sleep(0.05)
        assert len(workers_of(process.pid)) == 2
        assert client.get("/v1/models/late").status_code == 200


def test_killed_supervisor_leaves_no_worker(pushed):
    """When the supervisor dies its workers end by themselves and free the port."""
    with running(pushed.home, workers=2) as (_, process):
        workers = workers_of(process.pid)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in workers):
            time.sleep(0.05)
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_empty_store_is_served_but_not_ready(tmp_path):
    """A server may start before the first push: live, not ready."""
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, headrace as hr\nwith hr.open_store(sys.argv[1]): pass",
            str(tmp_path / "home"),
        ],
        check=True,
    )
    with running(tmp_path / "home") as (client, _):
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
