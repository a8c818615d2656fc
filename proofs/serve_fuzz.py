"""Proof: no bytes that a client sends are our fault, nor the end of the server, nor more memory than its limit.

A million requests, made by a seed from good ones: bytes changed, cut, mixed; lengths, shapes and numbers made huge;
JSON values of other kinds; other headers and paths. They are those of the Open Inference Protocol (JSON, binary, a body
of one tensor, gRPC raw and in contents), of rows (instances, columns, examples), of Arrow and of rewards. Nearly all go
through the door and the gRPC methods without sockets, one in a hundred through the sockets of a real server. None may
be answered 500 or INTERNAL, or not at all; what is answered 200 must be an answer; the process runs under a limit of
address space, and its memory afterwards is printed. Then come the bombs (`_bombs.py`), as large as the server takes:
refused or answered, with the worker's peak within BOMB_MB. A fault is printed with what makes it again.

    python proofs/serve_fuzz.py [--share 50] [--seed 1] [--inputs N]      --share N: 1/N of the requests
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "proofs"))

import grpc  # noqa: E402
import orjson  # noqa: E402
import pyarrow as pa  # noqa: E402
from _bombs import bombs  # noqa: E402
from _mutations import mutate_bytes, mutate_json, mutate_text  # noqa: E402
from tests.adapters.grpc.test_listener import contents_request, free_port, raw_request  # noqa: E402
from tests.serving.asked import binary_request, json_request  # noqa: E402
from tests.serving.conftest import Pushed, running, workers_of  # noqa: E402

from headrace.adapters.grpc.listener import Grpc  # noqa: E402
from headrace.adapters.grpc.messages import message  # noqa: E402
from headrace.serving._contract import Answer, Request  # noqa: E402
from headrace.serving.core import Served, Serving  # noqa: E402
from headrace.serving.http import Door  # noqa: E402
from headrace.settings import Settings  # noqa: E402

INPUTS = 1_000_000
BOMB_MB = 768
BODY_BYTES = 1 << 20
SPARE_BYTES = 1 << 30
SOCKETS = 100  # one in so many
LENGTH, TYPE = "inference-header-content-length", "content-type"
INFER = "/inference.GRPCInferenceService/ModelInfer"


class Good(NamedTuple):
    """A request that is answered 200: of HTTP, or, without a path, of gRPC; `plain` is its JSON, if it is JSON."""

    path: str
    body: bytes
    headers: dict[str, str]
    plain: Any = None


def good_ones(pushed: Pushed) -> list[Good]:
    """At least one of each kind."""
    table = pushed.table
    full = table
    for name in table.column_names:
        full = full.filter(table[name].is_valid() if full is table else full[name].is_valid())
    found = []
    rows = pushed.rows()
    columns = {name: [row[name] for row in rows[:3]] for name in rows[0]}
    for plain, path in (
        (json_request(table.slice(0, 1), id="7"), "/v2/models/late/infer"),
        (json_request(table.slice(0, 3), outputs=[{"name": "prediction"}]), "/v2/models/late/versions/1/infer"),
        ({"instances": rows[:2]}, "/v1/models/late:predict"),
        ({"inputs": columns, "signature_name": "serving_default"}, "/v1/models/late:predict"),
        ({"examples": rows[:2]}, "/v1/models/late/versions/1:regress"),
        ({"rewards": [{"request_id": "x", "reward": 1.0}]}, "/rewards"),
    ):
        found.append(Good(path, json.dumps(plain).encode(), {}, plain))
    body, length = binary_request(table.slice(0, 4))
    found.append(Good("/v2/models/late/infer", body, {LENGTH: str(length)}))
    found.append(Good("/v2/models/late/infer", body[length:], {LENGTH: "0"}))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.slice(0, 4))
    stream = {TYPE: "application/vnd.apache.arrow.stream"}
    found.append(Good("/v1/models/late:predict", sink.getvalue().to_pybytes(), stream))
    found += [Good(path, b"", {}) for path in ("/v2/models/late", "/v2/models/late/ready", "/v1/models/late/metadata")]
    found.append(Good("", raw_request(table.slice(0, 4)).SerializeToString(), {}))
    found.append(Good("", contents_request(full.slice(0, 2)).SerializeToString(), {}))
    return found


def wrong_one(goods: list[Good], draw: random.Random) -> Good:
    """One of them, made wrong."""
    good = draw.choice(goods)
    path, body, headers = good.path, good.body, good.headers
    if good.plain is not None and draw.random() < 0.6:
        body = mutate_json(good.plain, draw)
    elif draw.random() < 0.9:
        body = mutate_bytes(body, draw.choice(goods).body, draw)
    if path and draw.random() < 0.1:
        path = "/" + mutate_text(path[1:], draw)
    if path and draw.random() < 0.1:
        name = draw.choice((LENGTH, TYPE, "accept", "headrace-unit"))
        headers = {**headers, name: mutate_text(headers.get(name, "application/json"), draw)}
    return Good(path, body, headers)


class Ended(Exception):
    """A call was ended with a code."""


class Context:
    """What a gRPC method sees of its call."""

    def __init__(self) -> None:
        self.ended: Any = None

    def is_active(self) -> bool:
        """Always."""
        return True

    def code(self) -> Any:
        """That it was ended with."""
        return self.ended

    def abort(self, code: Any, _details: str) -> None:
        """End it."""
        self.ended = code
        raise Ended

    def set_trailing_metadata(self, _metadata: Any) -> None:
        """Nobody reads it."""

    def invocation_metadata(self) -> tuple[()]:
        """None."""
        return ()

    def time_remaining(self) -> None:
        """For ever."""
        return

    def add_callback(self, _callback: Any) -> bool:
        """Never called: nobody leaves."""
        return True


def told(status: int, body: bytes, good: Good) -> str:
    """What is wrong with an answer, "" for nothing."""
    if status >= 500 and status not in (501, 503, 504):
        return f"status {status}: {body[:300]!r}"
    if not 200 <= status < 600:
        return f"status {status}"
    if not body:
        return "" if status in (204, 400) else "an empty answer"
    if status == 200 and body[:1] == b"{" and LENGTH not in good.headers and not good.headers:
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            return f"an answer that is no JSON: {body[:100]!r}"
    elif status != 200 and "error" not in orjson.loads(body):
        return f"status {status} without a word"
    return ""


def in_process(pushed: Pushed) -> Callable[[Good], tuple[Any, str]]:
    """Asks a door and its gRPC methods without sockets: (status or code, what is wrong)."""
    serving = Serving()
    serving.flip(Served("late", 1, pushed.model.digest, pushed.model))
    serving.rewards = SimpleNamespace(take=lambda rows: Answer(200, orjson.dumps({"recorded": len(rows)})))
    door = Door(serving, body_bytes=BODY_BYTES, hosts=None, token="")
    listener = Grpc(door, host="127.0.0.1", port=free_port(), body_bytes=BODY_BYTES)
    infer = listener.handler(INFER, ()).stream_unary

    def ask(good: Good) -> tuple[Any, str]:
        if not good.path:
            context = Context()
            try:
                data = infer(iter([good.body]), context)
            except Ended:
                return context.ended.name, "" if context.ended is not grpc.StatusCode.INTERNAL else "INTERNAL"
            message("ModelInferResponse").FromString(data)
            return "OK", ""
        method = "POST" if good.body else "GET"
        answer = door.translate(Request(method, good.path, good.body, 0, good.headers))
        return answer.status, told(answer.status, answer.body, good)

    return ask


def by_sockets(url: str, place: str) -> Callable[[Good], tuple[Any, str]]:
    """Asks a real server."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    call = grpc.insecure_channel(place).unary_unary(INFER)

    def ask(good: Good) -> tuple[Any, str]:
        if not good.path:
            try:
                call(good.body, timeout=60)
            except grpc.RpcError as error:
                code = error.code()
                is_wrong = code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE)
                return code.name, f"{code.name}: {error.details()}" if is_wrong else ""
            return "OK", ""
        path = "".join(one if "!" <= one <= "~" else "%7F" for one in good.path)
        headers = {
            key: "".join(one if " " <= one <= "~" else "?" for one in value) for key, value in good.headers.items()
        }
        for is_again in (False, True):
            try:
                connection.request("POST" if good.body else "GET", path, good.body, headers)
                answer = connection.getresponse()
                return answer.status, told(answer.status, answer.read(), good)
            except BaseException as error:
                connection.close()
                # A server that refused the request before without waiting for its body has closed the connection, as
                # HTTP lets it: this one is asked on a new one, and must be answered there.
                if is_again or not isinstance(error, ConnectionError):
                    raise
        raise AssertionError

    return ask


def resident_mb(pid: int | str = "self") -> float:
    """The memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)


def limit_memory() -> None:
    """A huge allocation fails here, and shows as a fault, rather than taking the machine down."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (held + SPARE_BYTES, resource.RLIM_INFINITY))


def peak_mb(pid: int) -> float:
    """The most memory a process held since it was last asked."""
    text = Path(f"/proc/{pid}/status").read_text()
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def throw_bombs(ask: Callable[[Good], tuple[Any, str]], worker: int, body_bytes: int) -> dict[str, Any]:
    """Bomb -> (status, MiB that its reading took at most)."""
    found = {}
    for bomb in bombs(body_bytes):
        peak_mb(worker)
        held = resident_mb(worker)
        status, problem = ask(Good(bomb.path, bomb.body, bomb.headers))
        grown = round(peak_mb(worker) - held)
        found[f"{bomb.name} {bomb.path}"] = (status, grown)
        if problem or status in (200, "OK") or grown > BOMB_MB:
            found[f"{bomb.name} {bomb.path}"] = (status, grown, problem or "too much")
    return found


def main() -> None:
    """Ask, count, and say what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=INPUTS)
    arguments = parser.parse_args()
    num_inputs = max(1000, arguments.inputs // arguments.share)
    folder = Path(tempfile.mkdtemp(prefix="headrace-fuzz-"))
    counts: Counter[str] = Counter()
    problems: list[str] = []
    try:
        pushed = Pushed(folder / "home")
        goods = good_ones(pushed)
        port = free_port()
        with running(pushed.home, "--grpc-port", str(port)) as (client, process):
            (worker,) = workers_of(process.pid)
            roads = {"door": in_process(pushed), "sockets": by_sockets(str(client.base_url), f"127.0.0.1:{port}")}
            for road, ask in roads.items():
                for good in goods:
                    status, _ = ask(good)
                    if status not in (200, "OK") and good.path != "/rewards" and good.headers.get(LENGTH) != "0":
                        problems.append(f"{road}: {good.path} is {status} though nothing is wrong with it")
            limit_memory()
            held = {"door": resident_mb(), "sockets": resident_mb(worker)}
            start = time.monotonic()
            for number in range(num_inputs):
                draw = random.Random(f"{arguments.seed}/{number}")
                wrong = wrong_one(goods, draw)
                road = "sockets" if number % SOCKETS == 0 else "door"
                try:
                    status, problem = roads[road](wrong)
                except Exception as error:
                    status, problem = "raised", repr(error)[:300]
                counts[f"{road} {status}"] += 1
                if problem:
                    problems.append(f"seed {arguments.seed}, number {number}, {road} {wrong.path or 'gRPC'}: {problem}")
                    print(problems[-1], file=sys.stderr, flush=True)
                    if len(problems) > 20:
                        break
            took = time.monotonic() - start
            grown = {"door": resident_mb() - held["door"], "sockets": resident_mb(worker) - held["sockets"]}
            thrown = throw_bombs(roads["sockets"], worker, Settings().body_mb << 20)
            problems += [f"bomb {name}: {told}" for name, told in thrown.items() if len(told) > 2]
            is_alive = process.poll() is None and client.get("/health/ready").status_code == 200
        line = {"case": "serve_fuzz", "inputs": sum(counts.values()), "seed": arguments.seed, "problems": problems}
        more = {"counts": dict(sorted(counts.items())), "grown_mb": grown, "bombs": thrown, "seconds": round(took)}
        print(json.dumps({**line, **more}))
        if problems or not is_alive or max(grown.values()) > 512:
            raise SystemExit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
