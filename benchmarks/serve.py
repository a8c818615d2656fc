"""Row `serve`: one row a request over 16 keep-alive connections, one worker; schema checks and the request log ON.

Against what one writes by hand: Granian, orjson and ONNX Runtime over the same ONNX bytes (`_serve_loop.py`), which
checks nothing and keeps no log. Both servers are up at the same time and are asked in turns by the same client (wrk,
or `_load.py`'s own where there is none); the figure is the median of the rounds. Beside it stands the processor time
a request costs each server, which other work on the machine disturbs less than the rate.
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
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _lines import line, options

HERE = Path(__file__).parent
CASE = "serve"
CONNECTIONS = 16


def load(name: str) -> Any:
    """A module of this folder, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def push(home: Path, model: Any) -> None:
    """Put the model behind endpoint `late`."""
    from headrace.rules import Verdict
    from headrace.store import Store

    # The store asks for a verdict; whether it lets push is for `headrace.push` to say, and this model is nobody's.
    verdict = Verdict(ok=False, findings=(), model_digest=model.digest, evaluation_digest="0" * 64, rules=())
    with Store.open(home) as store:
        store.save_artifact(model)
        store.save_artifact(verdict)
        store.push("late", model.digest, verdict.digest, expected_version=None)


def processor_s(pid: int) -> float:
    """The processor time a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def ours(home: Path) -> Iterator[tuple[str, int]]:
    """`headrace serve` with one worker: its address, and the worker's process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", "1", "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if b"headrace.serving._worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield f"{url}/v1/models/late:predict", int(child)
                break
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def by_hand(model: Any, folder: Path) -> Iterator[tuple[str, int]]:
    """The hand-written loop: its address and process id."""
    file = folder / "model.onnx"
    file.write_bytes(model.onnx)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    layout = {name: list(getattr(model.codec.layout, name)) for name in ("number", "integer", "text", "present")}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "_serve_loop.py"), str(port), str(file), json.dumps(layout)],
        start_new_session=True,  # as our workers are: Linux may share the processor out by session
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/v1/models/late:predict", process.pid
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Ask both in turns and print."""
    arguments = options(__doc__)
    _, model, rows = load("row").make(arguments.tiny)
    asked = dict(rows[1])
    for name, value in asked.items():
        if hasattr(value, "isoformat"):
            asked[name] = value.isoformat()
    body = json.dumps({"instances": [asked]}).encode()
    measure = load("_load").measure
    seconds, rounds = (1, 1) if arguments.tiny else (4, 7)
    folder = Path(tempfile.mkdtemp(prefix="headrace-serve-"))
    try:
        push(folder / "home", model)
        with ours(folder / "home") as mine, by_hand(model, folder) as theirs:
            places = {"ours": mine} if arguments.no_peers else {"ours": mine, "theirs": theirs}
            found: dict[str, list[dict[str, float]]] = {name: [] for name in places}
            for turn in range(rounds + 1):
                for name, (url, pid) in places.items():
                    before = processor_s(pid)
                    result = measure(url, body, connections=CONNECTIONS, seconds=seconds)
                    assert result["failed"] == 0, (name, result)
                    result["cost_us"] = (processor_s(pid) - before) / (result["rate"] * seconds) * 1e6
                    if turn:  # the first round warms up
                        found[name].append(result)
        median = {
            name: {key: sorted(one[key] for one in results)[len(results) // 2] for key in results[0]}
            for name, results in found.items()
        }
        mine_is = median["ours"]
        trees = int(model.signature.trainer["n_estimators"])
        what = f"1 row, {len(model.columns)} columns, {trees} trees, {CONNECTIONS} connections, checks and log on"
        note = f"p99 {mine_is['p99_us'] / 1e3:.2f} ms; {mine_is['cost_us']:.0f} us of processor a request"
        if "theirs" in median:
            loop = median["theirs"]
            pairs = [a["rate"] / b["rate"] for a, b in zip(found["ours"], found["theirs"], strict=True)]
            share = loop["cost_us"] / mine_is["cost_us"]
            note += (
                f"; the loop p99 {loop['p99_us'] / 1e3:.2f} ms and {loop['cost_us']:.0f} us"
                f" (by processor time {share:.2f}); rounds {min(pairs):.2f} to {max(pairs):.2f}; floor 0.50, aim 0.70"
            )
            peer = "hand-written Granian + onnxruntime loop, no checks, no log"
            line(CASE, what, "requests/s", mine_is["rate"], peer, loop["rate"], higher=True, note=note)
            if loop["rate"] * 0.5 > mine_is["rate"] and not arguments.tiny:
                print("serve: below the floor of half the loop", file=sys.stderr)
        else:
            line(CASE, what, "requests/s", mine_is["rate"], "", None, note=note)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
