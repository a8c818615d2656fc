"""Case `serve_arrow`: 512 rows a request, in Arrow, in the Open Inference Protocol's binary and in JSON; one worker,
schema checks and the request log ON.

Against ONNX Runtime alone: the same graph in a process that does nothing else, with lanes made beforehand, one thread,
as the server's runs have one. They take turns. Two connections ask, so that one request is read while another runs. Two
more lines are what `headrace.Client` sees with tables, its own work among it: one after another, and from two threads.

The last lines are the parts of one Arrow request, in process and one after the other as in a server, so that each finds
the processor's caches as the others left them: what must be done, and what HTTP, threads and the hand-over add to it.
"""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from _lines import line, options

HERE = Path(__file__).parent
CASE = "serve_arrow"
NUM_ROWS = 512
TOGETHER = 8  # requests of that many rows are one batch of the request log
CONNECTIONS = 2
PEER = "onnxruntime alone in process, lanes made beforehand"
FLOORS = {"Arrow": 0.9, "V2 in binary": 0.9, "rows in JSON": 0.5}


def beside(name: str) -> Any:
    """A module of this folder, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def asker(place: Any, request: bytes, until: float, counts: list[int]) -> None:
    """Ask one connection until then; counts what was answered with status 200."""
    with socket.create_connection((str(place.hostname), place.port or 80)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done = 0
        while time.perf_counter() < until:
            client.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                data += client.recv(65536)
            told, _, rest = data.partition(b"\r\n\r\n")
            assert told.startswith(b"HTTP/1.1 200"), data[:500]
            length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(rest) < length:
                rest += client.recv(65536)
            done += 1
        counts.append(done)


def in_threads(work: Callable[[float, list[int]], None], number: int, seconds: float) -> float:
    """Requests a second over all threads; `work` asks until a time, and appends how often it did."""
    counts: list[int] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=work, args=(start + seconds, counts)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def rate_of(url: str, request: bytes, seconds: float) -> float:
    """Requests a second over all connections."""
    place = urlsplit(url)
    return in_threads(lambda until, counts: asker(place, request, until, counts), CONNECTIONS, seconds)


def client_rate(client: Any, table: pa.Table, number: int, seconds: float) -> float:
    """Tables a second by the client, from so many threads."""

    def work(until: float, counts: list[int]) -> None:
        done = 0
        while time.perf_counter() < until:
            client.predict("late", table)
            done += 1
        counts.append(done)

    return in_threads(work, number, seconds)


def alone(model: Any, lanes: Any, seconds: float) -> tuple[float, float]:
    """(runs a second of the graph alone, microseconds of processor time a run)."""
    done, start, before = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < start + seconds:
        model.session.run(["prediction"], lanes)
        done += 1
    return done / (time.perf_counter() - start), (time.process_time() - before) / done * 1e6


def median(values: list[float]) -> float:
    """The one in the middle."""
    return sorted(values)[len(values) // 2]


def parts_of(model: Any, body: bytes, turns: int) -> dict[str, float]:
    """Microseconds of processor of each step of a request, the median of some turns of all of them."""
    from headrace.serving.ipc import read_stream, write_prediction
    from headrace.serving.loading import make
    from headrace.serving.shape import ReadLanes, to_batch

    served = make("late", 1, model.digest, model, with_shape=True)
    names = {column.name for column in model.columns}
    sink, options = io.BytesIO(), pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)  # as a segment
    writer = pa.ipc.new_stream(sink, served.shape.schema, options=options)
    took: dict[str, list[float]] = {}
    entries: list[Any] = []
    logged = "its rows in the request log, compressed, with others' by a thread of its own"
    last = 0.0

    def done(name: str) -> None:
        nonlocal last
        took.setdefault(name, []).append((time.thread_time() - last) * 1e6)
        last = time.thread_time()

    for _ in range(turns):
        last = time.thread_time()
        table = read_stream(body, names)
        done("the stream looked through, read and checked")
        lanes = model.codec.from_batch(table)
        done("lanes made of its columns, every value checked")
        prediction = model.predict_lanes(lanes)["prediction"]
        done("the model run on lanes just made")
        write_prediction(prediction)
        done("the answer written")
        lanes = ReadLanes.of(lanes, table)
        entries.append((served.shape, "0123456789abcdef", 0, 0, 200, lanes, prediction, None, NUM_ROWS))
        if len(entries) == TOGETHER:
            last = time.thread_time()
            writer.write_batch(to_batch(entries, offset_ns=0))
            done(logged)
            sink.seek(0)
            entries.clear()
    parts = {name: median(values) for name, values in took.items()}
    return {**parts, logged: parts[logged] / TOGETHER}


def main() -> None:
    """Ask in turns and print."""
    import headrace as hr

    arguments = options(__doc__)
    serve, asked, whole = beside("serve"), beside("_inference"), beside("_load").whole
    _, model, rows = beside("row").make(arguments.tiny)
    some = (rows * (NUM_ROWS // len(rows) + 1))[:NUM_ROWS]
    plain = [
        {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in one.items()} for one in some
    ]
    table = pa.Table.from_pylist(some)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    lanes = model.codec.from_batch(table)
    binary, length = asked.binary_body(model.columns, some)
    seconds, rounds = (0.5, 1) if arguments.tiny else (1.5, 7)
    folder = Path(tempfile.mkdtemp(prefix="headrace-serve-arrow-"))
    try:
        serve.push(folder / "home", model)
        with serve.ours(folder / "home") as (url, (pid,)):
            infer = url.partition("/v1/")[0] + "/v2/models/late/infer"
            ways = {
                "Arrow": whole(url, body, {"content-type": "application/vnd.apache.arrow.stream"}),
                "V2 in binary": whole(infer, binary, {"inference-header-content-length": str(length)}),
                "rows in JSON": whole(
                    url, json.dumps({"instances": plain}).encode(), {"content-type": "application/json"}
                ),
            }
            alone(model, lanes, 0.2)
            for request in ways.values():
                rate_of(url, request, 0.5)
            client = hr.Client(url.partition("/v1/")[0])
            served: dict[str, list[float]] = {name: [] for name in ways}
            cost: dict[str, list[float]] = {name: [] for name in ways}
            asking: dict[int, list[float]] = {1: [], CONNECTIONS: []}
            ran, bare = [], []
            for _ in range(rounds):
                rate, used = alone(model, lanes, seconds)
                ran.append(rate)
                bare.append(used)
                for name, request in ways.items():
                    before = serve.processor_s(pid)
                    served[name].append(rate_of(url, request, seconds))
                    cost[name].append((serve.processor_s(pid) - before) / (served[name][-1] * seconds) * 1e6)
                for number, found in asking.items():
                    found.append(client_rate(client, table, number, seconds))
            client.close()
        trees = int(model.signature.trainer["n_estimators"])
        for name, rates in served.items():
            pairs = [mine / theirs for mine, theirs in zip(rates, ran, strict=True)]
            what = f"{NUM_ROWS} rows, {name}, {len(model.columns)} columns, {trees} trees, {CONNECTIONS} connections"
            note = (
                f"{median(cost[name]):.0f} us of processor a request, its log and HTTP among them; of the graph alone"
                f" {median(bare):.0f} us; rounds {min(pairs):.2f} to {max(pairs):.2f}; floor {FLOORS[name]:.2f}"
            )
            line(CASE, what, "rows/s", median(rates) * NUM_ROWS, PEER, median(ran) * NUM_ROWS, higher=True, note=note)
        for number, rates in asking.items():
            told = "one table after another" if number == 1 else f"tables from {number} threads"
            what = f"{NUM_ROWS} rows by headrace.Client, {told}"
            line(CASE, what, "rows/s", median(rates) * NUM_ROWS, PEER, median(ran) * NUM_ROWS, higher=True)
        parts = parts_of(model, body, 20 if arguments.tiny else 400)
        parts["HTTP, threads and the hand-over to the run's thread"] = median(cost["Arrow"]) - sum(parts.values())
        total = f"of {median(cost['Arrow']):.0f} us of processor an Arrow request; the graph alone {median(bare):.0f}"
        for name, value in parts.items():
            line(CASE, f"part of one Arrow request: {name}", "us", max(value, 0.001), "", None, note=total)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
