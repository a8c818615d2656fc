"""Row `serve`: one row a request over 16 keep-alive connections, one worker; schema checks and the request log ON.

Against what one writes by hand: Granian, orjson and ONNX Runtime over the same ONNX bytes (`_serve_loop.py`), which
checks nothing and keeps no log. Both servers are up at the same time and are asked in turns by the same client (wrk,
or `_load.py`'s own where there is none); the figure is the median of the rounds. Beside it stands the processor time
a request costs each server, which other work on the machine disturbs less than the rate. Behind it, one line each, what
checks, counters, log and routing add to one request in process, alone.

--matrix    1, 16 and 64 connections, one and two workers, rows of 1 and of 512: in JSON, in JSON and binary of the Open
            Inference Protocol, and over gRPC (`_serve_matrix.py`); 5 minutes
--peers     FastAPI, BentoML, LitServe, MLServer, Ray Serve and Triton too (`_serve_peers.py`), each in an environment
            of its own, made when it is first needed (half a minute each); one that does not install or start is said
            and left out; 5 minutes more
"""

from __future__ import annotations

import argparse
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

from _lines import line

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
def ours(home: Path, workers: int = 1, told: dict[str, Any] | None = None) -> Iterator[tuple[str, list[int]]]:
    """`headrace serve`: its address, and the workers' process ids; over gRPC too where it is `told` what it says."""
    command = [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", str(workers), "-o", "json"]
    process = subprocess.Popen(
        [*command, *(() if told is None else ("--grpc-port", "0"))],
        # As the loop, which turns nobody away however many wait.
        env={**os.environ, "HEADRACE_HOME": str(home), "HEADRACE_QUEUE_WAIT_MS": "60000"},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        url = said["url"]
        if told is not None:
            told.update(said)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        named = [(int(one), Path(f"/proc/{one}/cmdline").read_bytes()) for one in children]
        yield f"{url}/v1/models/late:predict", [pid for pid, command in named if b"serving._worker" in command]
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def by_hand(model: Any, folder: Path, workers: int = 1) -> Iterator[tuple[str, list[int]]]:
    """The hand-written loop, as many processes on one port: its address and their ids."""
    file = folder / "model.onnx"
    file.write_bytes(model.onnx)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    layout = {name: list(getattr(model.codec.layout, name)) for name in ("number", "integer", "text", "present")}
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "_serve_loop.py"), str(port), str(file), json.dumps(layout)],
            start_new_session=True,  # as our workers are: Linux may share the processor out by session
        )
        for _ in range(workers)
    ]
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        time.sleep(0.0 if workers == 1 else 2.0)  # the others listen too
        yield f"http://127.0.0.1:{port}/v1/models/late:predict", [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def in_turns(places: dict[str, Any], bodies: dict[str, bytes], *, connections: int, seconds: int, rounds: int) -> Any:
    """What each place's rounds were: requests a second, p50 and p99, and the processor time of one request."""
    measure = load("_load").measure
    found: dict[str, list[dict[str, float]]] = {name: [] for name in places}
    for turn in range(rounds + 1):
        for name, (url, pids) in places.items():
            before = sum(map(processor_s, pids))
            result = measure(url, bodies[name], connections=connections, seconds=seconds)
            assert result["failed"] == 0, (name, result)
            result["cost_us"] = (sum(map(processor_s, pids)) - before) / (result["rate"] * seconds) * 1e6
            if turn:  # the first round warms up
                found[name].append(result)
    return found


def middle(results: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: sorted(one[key] for one in results)[len(results) // 2] for key in results[0]}


def costs(model: Any, body: bytes, rounds: int) -> None:
    """Print what each part adds to one request, in process: the quickest of some turns, in microseconds."""
    import orjson

    from headrace.serving import Request, Serving
    from headrace.serving.counting import Counters
    from headrace.serving.loading import make
    from headrace.serving.log import RequestLog
    from headrace.serving.protocols.row import Row

    def answering(**parts: Any) -> Any:
        serving = Serving(parts.get("log"))
        serving.counters = parts.get("counters")
        serving.flip(make("late", 1, model.digest, model, with_shape="log" in parts))
        row = Row()

        def one() -> Any:
            return row.answer(serving, Request("POST", "/v1/models/late:predict", body, time.perf_counter_ns()))

        return one

    layout = model.codec.layout
    lanes = model.codec.from_json(body)

    def unchecked() -> Any:
        row = orjson.loads(body)["instances"][0]
        return [[row[column] for column in getattr(layout, lane)] for lane in ("number", "integer", "text")]

    folder = Path(tempfile.mkdtemp(prefix="headrace-serve-log-"))
    log = RequestLog(folder, queue_rows=1_000_000)
    works = {
        "whole": answering(),
        "model": lambda: model.predict_lanes(lanes),
        "codec": lambda: model.codec.from_json(body),
        "parsing alone": unchecked,
        "with counters": answering(counters=Counters(None, 0)),
        "with log": answering(log=log),
    }
    best = dict.fromkeys(works, float("inf"))
    try:
        for _ in range(rounds):
            for name, work in works.items():
                start = time.perf_counter()
                for _ in range(200):
                    work()
                best[name] = min(best[name], (time.perf_counter() - start) / 200 * 1e6)
    finally:
        log.close()
        shutil.rmtree(folder)
    parts = {
        "the model": best["model"],
        "codec: lanes with every check, beside parsing and picking values without any": best["codec"]
        - best["parsing alone"],
        "counters of /metrics": best["with counters"] - best["whole"],
        "request log, its thread included": best["with log"] - best["whole"],
    }
    for name, value in parts.items():
        line(
            CASE,
            f"cost of one request in process, {name}",
            "us",
            max(value, 0.001),
            "",
            None,
            note=f"of {best['whole']:.0f} us",
        )
    routing = load("routing").in_process(model, [body], rounds)
    told = ", ".join(f"{name} {value:.1f}" for name, value in routing.items())
    line(
        CASE,
        "cost of one request in process, routing",
        "us",
        routing["divided"] - routing["one version"],
        "",
        None,
        note=told,
    )


def main() -> None:
    """Ask both in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a small input: does it still run?")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--matrix", action="store_true", help="connections x workers x rows")
    parser.add_argument("--peers", action="store_true", help="the peers that have environments of their own")
    arguments = parser.parse_args()
    _, model, rows = load("row").make(arguments.tiny)
    rows = [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in one.items()}
        for one in rows
    ]
    body = json.dumps({"instances": [rows[1]]}).encode()
    seconds, rounds = (1, 1) if arguments.tiny else (4, 7)
    folder = Path(tempfile.mkdtemp(prefix="headrace-serve-"))
    try:
        push(folder / "home", model)
        turns = 5 if arguments.tiny else 40
        if arguments.matrix:
            load("_serve_matrix").matrix(model, folder / "home", folder, rows, arguments.tiny)
            costs(model, body, turns)
            return
        with ours(folder / "home") as mine:
            if arguments.peers:
                load("_serve_matrix").beside_peers(mine, model, folder, rows, arguments.tiny)
                costs(model, body, turns)
                return
            if arguments.no_peers:
                found = in_turns(
                    {"ours": mine}, {"ours": body}, connections=CONNECTIONS, seconds=seconds, rounds=rounds
                )
            else:
                with by_hand(model, folder) as theirs:
                    places = {"ours": mine, "theirs": theirs}
                    bodies = dict.fromkeys(places, body)
                    found = in_turns(places, bodies, connections=CONNECTIONS, seconds=seconds, rounds=rounds)
        median = {name: middle(results) for name, results in found.items()}
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
        costs(model, body, turns)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
