"""The long runs of case `serve`: every way of asking by connections, workers and rows; and beside every peer.

All that is compared is asked in turns, by clients of one kind. What cannot be asked is said and left out, so that a
run comes to its end.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _lines import line

HERE = Path(__file__).parent
CASE = "serve"
CONNECTIONS = (1, 16, 64)
LOOP = "hand-written loop, rows in JSON"
# What is asked for so many seconds, a number of connections.
Ask = Callable[[int, float], dict[str, float]]


def load(name: str) -> Any:
    """A module of this folder, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def rows_of(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """So many rows, from the second on: over and over, if need be."""
    return (rows * (count // len(rows) + 2))[1 : count + 1]


def over_http(url: str, body: bytes, headers: dict[str, str] | None = None) -> Ask:
    """Asks one body again and again, by our own client: wrk takes no binary body."""
    measure, told = load("_load").measure, headers or {"content-type": "application/json"}

    def ask(connections: int, seconds: float) -> dict[str, float]:
        found: dict[str, float] = measure(url, body, connections=connections, seconds=seconds, headers=told)
        assert found["failed"] == 0, f"{found['failed']} of its answers were errors"
        return found

    return ask


def ways_of(url: str, grpc: str, model: Any, rows: list[dict[str, Any]]) -> dict[str, Ask]:
    """What our server can be asked in."""
    asked = load("_inference")
    infer = url.partition("/v1/")[0] + "/v2/models/late/infer"
    binary, length = asked.binary_body(model.columns, rows)
    message = asked.grpc_message(model.columns, rows)
    told = {"content-type": "application/octet-stream", "inference-header-content-length": str(length)}
    return {
        "rows in JSON": over_http(url, json.dumps({"instances": rows}).encode()),
        "V2 in JSON": over_http(infer, asked.json_body(model.columns, rows)),
        "V2 in binary": over_http(infer, binary, told),
        "V2 over gRPC": lambda connections, seconds: asked.measure(
            "grpc", grpc, message, connections=connections, seconds=seconds
        ),
    }


def in_turns(
    ways: dict[str, Ask], pids: dict[str, list[int]], connections: int, *, seconds: float, rounds: int
) -> dict[str, dict[str, float]]:
    """The median round of each, with the processor time of one request where it is known whose it is."""
    serve = load("serve")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, ask in ways.items():
            if turn and not found[name] and turn > 1:
                continue  # it was left out
            before = sum(map(serve.processor_s, pids[name]))
            took = seconds if turn else seconds / 2  # the first round warms up
            try:
                result = ask(connections, took)
            except (AssertionError, subprocess.SubprocessError) as error:
                told = getattr(error, "stderr", None) or str(error)
                print(f"serve: {name}, {connections} connections, is left out: {told.strip()[-300:]}", file=sys.stderr)
                continue
            spent = sum(map(serve.processor_s, pids[name])) - before
            result["cost_us"] = spent / max(1.0, result["rate"] * took) * 1e6
            if turn:
                found[name].append(result)
    return {name: serve.middle(results) for name, results in found.items() if results}


def matrix(model: Any, home: Path, folder: Path, rows: list[dict[str, Any]], tiny: bool) -> None:
    """Print ways x connections x workers x rows, each beside the loop's rows in JSON."""
    serve = load("serve")
    seconds, rounds = (0.3, 1) if tiny else (0.7, 3)
    for workers in (1, 2):
        told: dict[str, Any] = {}
        with serve.ours(home, workers, told) as (url, pids), serve.by_hand(model, folder, workers) as (other, theirs):
            for count in (1, 512):
                some = rows_of(rows, count)
                ways = ways_of(url, told["grpc"], model, some)
                whose = {**dict.fromkeys(ways, pids), LOOP: theirs}
                ways[LOOP] = over_http(other, json.dumps({"instances": some}).encode())
                for connections in CONNECTIONS:
                    found = in_turns(ways, whose, connections, seconds=seconds, rounds=rounds)
                    loop = found.pop(LOOP, None)
                    for way, a in found.items():
                        what = f"{count} rows a request, {way}, {connections} connections, {workers} workers"
                        note = f"p99 {a['p99_us'] / 1e3:.2f} ms, {a['cost_us']:.0f} us of processor a request"
                        if loop is not None:
                            note += (
                                f"; the loop {loop['p99_us'] / 1e3:.2f} ms, {loop['cost_us']:.0f} us"
                                f" (by processor time {loop['cost_us'] / max(1.0, a['cost_us']):.2f})"
                            )
                        rate = None if loop is None else loop["rate"]
                        line(CASE, what, "requests/s", a["rate"], LOOP, rate, higher=True, note=note)


def beside_peers(mine: tuple[str, list[int]], model: Any, folder: Path, rows: list[dict[str, Any]], tiny: bool) -> None:
    """Print ours beside each peer, in turns, one peer at a time."""
    peers = load("_serve_peers")
    seconds, rounds = (0.3, 1) if tiny else (0.7, 3)
    for name in peers.NAMES:
        try:
            with peers.serving(name, HERE.parent, folder, model, rows[1]) as (url, body_of):
                for count, connections in ((1, 1), (1, 16), (1, 64), (512, 16)):
                    some = rows_of(rows, count)
                    ways = {
                        "ours": over_http(mine[0], json.dumps({"instances": some}).encode()),
                        name: over_http(url, *body_of(some)),
                    }
                    found = in_turns(ways, {"ours": mine[1], name: []}, connections, seconds=seconds, rounds=rounds)
                    if len(found) < len(ways):
                        continue
                    a, b = found["ours"], found[name]
                    note = f"p99 {a['p99_us'] / 1e3:.2f} ms; {name} {b['p99_us'] / 1e3:.2f} ms"
                    what = f"{count} rows a request, {connections} connections, beside a peer with the same ONNX bytes"
                    line(CASE, what, "requests/s", a["rate"], name, b["rate"], higher=True, note=note)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"serve: peer {name} is left out: {error}", file=sys.stderr, flush=True)
