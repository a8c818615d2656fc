"""Case `inference`: the Open Inference Protocol in JSON, in binary and over gRPC beside rows in JSON; 1 and 512 rows.

One worker, 16 connections, schema checks and the request log on, asked in turns by clients of one kind (asyncio; for
gRPC grpcio's own, so that its figures are the client's as much as the server's). The peer is ONNX Runtime alone: the
same model run in this process, one after the other, on lanes that are there, by its processor time. Beside the rate
stands the processor time that a request costs the server, which other work on the machine disturbs less.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _lines import line, options

HERE = Path(__file__).parent
CASE = "inference"
CONNECTIONS = 16


def load(name: str) -> Any:
    """A module of this folder, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@contextmanager
def server(home: Path) -> Iterator[tuple[str, str, int]]:
    """`headrace serve` with one worker: where it speaks HTTP and gRPC, and the worker's process id."""
    command = [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--grpc-port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [*command, "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if b"headrace.serving._worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield told["url"].removeprefix("http://"), told["grpc"], int(child)
                break
    finally:
        process.terminate()
        process.wait(60)


def whole(path: str, body: bytes, **headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = {"host": "127.0.0.1", "content-length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def alone_us(model: Any, rows: list[dict[str, Any]], seconds: float) -> float:
    """What a run of the model takes by itself, in processor time: the median."""
    lanes = model.codec.from_rows(rows)
    took = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(took) < 5:
        start = time.thread_time()
        model.predict_lanes(lanes)
        took.append(time.thread_time() - start)
    return sorted(took)[len(took) // 2] * 1e6


def main() -> None:
    """Ask in turns and print."""
    arguments = options(__doc__)
    _, model, rows = load("row").make(arguments.tiny)
    asked, serve = load("_inference"), load("serve")
    seconds, rounds = (0.3, 1) if arguments.tiny else (3.0, 5)
    folder = Path(tempfile.mkdtemp(prefix="headrace-inference-"))
    infer = "/v2/models/late/infer"
    try:
        serve.push(folder / "home", model)
        with server(folder / "home") as (http, grpc, pid):
            for count in (1, 512):
                some = (rows * (count // len(rows) + 1))[1 : count + 1]
                plain = [
                    {key: getattr(one, "isoformat", lambda one=one: one)() for key, one in row.items()} for row in some
                ]
                body, length = asked.binary_body(model.columns, some)
                told = {"inference-header-content-length": str(length)}
                ways = {
                    "rows in JSON": (
                        "http",
                        whole("/v1/models/late:predict", json.dumps({"instances": plain}).encode()),
                    ),
                    "V2 in JSON": ("http", whole(infer, asked.json_body(model.columns, some))),
                    "V2 in binary": ("http", whole(infer, body, **told)),
                    "V2 over gRPC": ("grpc", asked.grpc_message(model.columns, some)),
                }
                found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
                alone = []
                for turn in range(rounds + 1):
                    alone.append(alone_us(model, some, seconds / 4))
                    for name, (kind, data) in ways.items():
                        before = serve.processor_s(pid)
                        place = http if kind == "http" else grpc
                        one = asked.measure(kind, place, data, connections=CONNECTIONS, seconds=seconds)
                        one["cost_us"] = (serve.processor_s(pid) - before) / max(1.0, one["rate"] * seconds) * 1e6
                        if turn or arguments.tiny:  # the first round warms up
                            found[name].append(one)
                runtime_us = sorted(alone)[len(alone) // 2]
                for name, results in found.items():
                    middle = {key: sorted(one[key] for one in results)[len(results) // 2] for key in results[0]}
                    note = (
                        f"p99 {middle['p99_us'] / 1e3:.2f} ms; {middle['cost_us']:.0f} us of processor a request, of"
                        f" which the model {runtime_us:.0f} ({runtime_us / max(1.0, middle['cost_us']):.2f})"
                    )
                    what = f"{count} rows a request, {name}, {CONNECTIONS} connections, checks and log on"
                    peer = "onnxruntime alone, in process"
                    line(CASE, what, "requests/s", middle["rate"], peer, 1e6 / runtime_us, higher=True, note=note)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
