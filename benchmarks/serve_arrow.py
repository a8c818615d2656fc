"""Case `serve_arrow`: 512 rows a request as an Arrow stream; one worker, schema checks and the request log ON.

Against ONNX Runtime alone: the same graph in a process that does nothing else, with lanes made beforehand, one thread.
The two take turns. Two connections ask, so that one request is read while another runs. A second line is what
`headrace.Client` sees with one table after another, its own work among it.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from _lines import line, options

HERE = Path(__file__).parent
CASE = "serve_arrow"
NUM_ROWS = 512
CONNECTIONS = 2


def beside(name: str) -> Any:
    """A module of this folder, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def asker(url: str, body: bytes, until: float, counts: list[int]) -> None:
    """Ask one connection until then; counts what was answered with status 200."""
    place = urlsplit(url)
    head = (
        f"POST {place.path} HTTP/1.1\r\nhost: {place.netloc}\r\n"
        f"content-type: application/vnd.apache.arrow.stream\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection((str(place.hostname), place.port or 80)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done = 0
        while time.perf_counter() < until:
            client.sendall(head + body)
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


def rate_of(url: str, body: bytes, seconds: float) -> float:
    """Requests a second over all connections."""
    counts: list[int] = []
    start = time.perf_counter()
    threads = [threading.Thread(target=asker, args=(url, body, start + seconds, counts)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def alone(model: Any, lanes: Any, seconds: float) -> tuple[float, float]:
    """(runs a second of the graph alone, microseconds of processor time a run)."""
    done, start, before = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < start + seconds:
        model.session.run(["prediction"], lanes)
        done += 1
    return done / (time.perf_counter() - start), (time.process_time() - before) / done * 1e6


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Ask in turns and print."""
    import headrace as hr

    arguments = options(__doc__)
    serve = beside("serve")
    _, model, rows = beside("row").make(arguments.tiny)
    table = pa.Table.from_pylist((rows * (NUM_ROWS // len(rows) + 1))[:NUM_ROWS])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    lanes = model.codec.from_batch(table)
    seconds, rounds = (0.5, 1) if arguments.tiny else (2.0, 7)
    folder = Path(tempfile.mkdtemp(prefix="headrace-serve-arrow-"))
    try:
        serve.push(folder / "home", model)
        with serve.ours(folder / "home") as (url, (pid,)):
            alone(model, lanes, 0.2)
            rate_of(url, body, 0.5)
            served, ran, asked, cost, bare = [], [], [], [], []
            client = hr.Client(url.partition("/v1/")[0])
            for _ in range(rounds):
                before = serve.processor_s(pid)
                served.append(rate_of(url, body, seconds))
                cost.append((serve.processor_s(pid) - before) / (served[-1] * seconds) * 1e6)
                rate, used = alone(model, lanes, seconds)
                ran.append(rate)
                bare.append(used)
                done, start = 0, time.perf_counter()
                while time.perf_counter() < start + seconds:
                    client.predict("late", table)
                    done += 1
                asked.append(done / (time.perf_counter() - start))
            client.close()
        pairs = [mine / theirs for mine, theirs in zip(served, ran, strict=True)]
        trees = int(model.signature.trainer["n_estimators"])
        what = f"{NUM_ROWS} rows in Arrow, {len(model.columns)} columns, {trees} trees, {CONNECTIONS} connections"
        note = (
            f"{median(cost):.0f} us of processor a request, its log and HTTP among them; of the graph alone"
            f" {median(bare):.0f} us; rounds {min(pairs):.2f} to {max(pairs):.2f}; floor 0.90"
        )
        peer = "onnxruntime alone in process, lanes made beforehand"
        line(CASE, what, "rows/s", median(served) * NUM_ROWS, peer, median(ran) * NUM_ROWS, higher=True, note=note)
        what = "the same by headrace.Client, one table after another"
        line(CASE, what, "rows/s", median(asked) * NUM_ROWS, peer, median(ran) * NUM_ROWS, higher=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
