"""Case `routing`: what dividing traffic adds to a request: the same model and client, with a policy and without.

Two servers of the same store's model, each with one worker, log on, are up at the same time and asked in turns by the
same client; one endpoint is divided, sticky by a header, by a canary whose share is nought, so that both ask the very
same model (two models take turns in the processor's cache, which is no cost of routing); the other serves one version.
The figure is the processor time of the worker a request, and the rate. Beside it, in process and alone: choosing a
version (`Route.choose`), and the whole of answering a body, routed and not, by one model under two names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _lines import line, options

CASE = "routing"
ROOT = Path(__file__).parent.parent
CONNECTIONS = 8


def load(name: str, folder: str = "benchmarks") -> Any:
    """A module of this repository, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / folder / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@contextmanager
def server(home: Path) -> Iterator[tuple[int, int]]:
    """`headrace serve` with one worker: its port, and the worker's process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (worker,) = [int(one) for one in children if b"serving._worker" in Path(f"/proc/{one}/cmdline").read_bytes()]
        yield int(url.rpartition(":")[2]), worker
    finally:
        process.terminate()
        process.wait(60)


def processor_s(pid: int) -> float:
    """The processor time a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port: int, requests: list[bytes], seconds: float) -> int:
    """How many were answered over a few connections in that time."""
    counts = []
    end = time.monotonic() + seconds

    def one(place: int) -> None:
        done = 0
        with socket.create_connection(("127.0.0.1", port)) as client:
            while time.monotonic() < end:
                client.sendall(requests[(place * 97 + done) % len(requests)])
                data = b""
                while True:
                    data += client.recv(65536)
                    head, mark, rest = data.partition(b"\r\n\r\n")
                    if mark and len(rest) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]):
                        break
                assert head.startswith(b"HTTP/1.1 200"), data[:200]
                done += 1
        counts.append(done)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def in_process(model: Any, bodies: list[bytes], rounds: int) -> dict[str, float]:
    """Microseconds of a choice, and of a whole answer routed and not; the best of some turns."""
    from headrace.routing import Allocation
    from headrace.serving._contract import Request
    from headrace.serving.core import Served, Serving
    from headrace.serving.protocols.row import Row
    from headrace.serving.route import Route

    versions = {1: Served("late", 1, model.digest, model), 2: Served("late", 2, model.digest, model)}
    table = Allocation.of({1: 0.5, 2: 0.5}, salt="late").to_plain()
    plain = {
        "endpoint": "late",
        "table_id": "0" * 12,
        "champion": 1,
        "allocations": {"all": table},
        "shadows": [],
        "unit_column": "",
        "segment_column": "",
        "segments": [],
        "output_low": None,
        "output_high": None,
    }
    route = Route(plain, versions, {})
    alone, divided = Serving(), Serving()
    for serving in (alone, divided):
        serving.flip(versions[1])
    divided.routes["late"] = route
    row = Row()
    units = [f"passenger {number:06d}" for number in range(len(bodies))]
    path = "/v1/models/late:predict"
    # Turn by turn for each body, and of each the quickest: other work on the machine interrupts, it never helps.
    best = [[float("inf")] * 3 for _ in bodies]
    for _ in range(rounds):
        for quickest, body, unit in zip(best, bodies, units, strict=True):
            request = Request("POST", path, body, time.perf_counter_ns(), {"headrace-unit": unit})
            for place, serving in enumerate((None, alone, divided)):
                begun = time.perf_counter_ns()
                if serving is None:
                    route.choose(unit, "all")
                else:
                    row.answer(serving, request)
                quickest[place] = min(quickest[place], time.perf_counter_ns() - begun)
    names = ("choose", "one version", "divided")
    return {name: sum(one[place] for one in best) / len(best) / 1e3 for place, name in enumerate(names)}


def main() -> None:
    """Print the comparisons."""
    arguments = options(__doc__)
    tiny = arguments.tiny
    proof = load("bandit", "proofs")
    from headrace.routing import EndpointPolicy
    from headrace.store import Store

    folder = Path(tempfile.mkdtemp(prefix="headrace-routing-"))
    try:
        model, bodies = proof.prepare(folder / "one", 1)
        twin = proof.twin(model, 2)
        took = in_process(model, bodies, 5 if tiny else 60)
        added = took["divided"] - took["one version"]
        line(CASE, "choosing a version", "us", took["choose"], "limit", 5.0)
        line(
            CASE,
            "what routing adds to answering a request, in process",
            "us",
            added,
            "limit",
            5.0,
            note=f"one version {took['one version']:.1f} us, divided {took['divided']:.1f} us",
        )
        shutil.copytree(folder / "one", folder / "two")
        with Store.open(folder / "two") as store:
            store.set_policy("late", EndpointPolicy("canary", {"share": 0.0}).to_plain())
        proof.push(folder / "two", twin)
        head = b"POST /v1/models/late:predict HTTP/1.1\r\nhost: 127.0.0.1\r\nheadrace-unit: passenger %d\r\n"
        requests = [
            head % place + b"content-length: %d\r\n\r\n" % len(body) + body for place, body in enumerate(bodies)
        ]
        used: dict[str, list[float]] = {"one": [], "two": []}
        rates: dict[str, list[float]] = {"one": [], "two": []}
        with server(folder / "one") as one, server(folder / "two") as two:
            time.sleep(3.0)  # the first table
            for _ in range(1 if tiny else 9):
                for name, (port, worker) in (("one", one), ("two", two)):
                    before = processor_s(worker)
                    num = ask(port, requests, 0.5 if tiny else 3.0)
                    used[name].append((processor_s(worker) - before) / num * 1e6)
                    rates[name].append(num / (0.5 if tiny else 3.0))
        cost = {name: sorted(values)[len(values) // 2] for name, values in used.items()}
        line(
            CASE,
            "what routing adds to a request over HTTP, processor time of the worker",
            "us",
            max(0.0, cost["two"] - cost["one"]),
            "limit",
            5.0,
            note=f"one version {cost['one']:.1f} us, divided {cost['two']:.1f} us; request log on",
        )
        rate = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
        line(CASE, "requests divided", "1/s", rate["two"], "one version", rate["one"], higher=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
