"""Proof: the server moves from version to version under load, and no client can tell but by the version's name.

Two models answer the same rows differently. While 16 keep-alive connections ask without pause, the endpoint is moved
from one to the other and back, 1,000 times; nothing is kept loaded, so each move loads, checks and warms a model,
flips, and frees the other. Every answer is checked: all of its rows must be what the version its header names answers
to them, bit for bit. Then: no request failed; memory, threads and descriptors of the workers are what they were; p99
and p99.9 are printed for the requests of a quiet time before, of the time of the moves, and of the moments in which a
version was being made ready; at full count p99.9 of the time of the moves may be three times that of the quiet time. At
last the moves back that find their version still loaded are timed.

    python proofs/swap.py [--share 50] [--seed 1]      --share N: 1000/N moves
"""

from __future__ import annotations

import argparse
import asyncio
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

import numpy as np

ROOT = Path(__file__).parent.parent
NUM_FLIPS = 1000
CONNECTIONS = 16
WORKERS = 2
MANY = 37
# The first moves fill allocators and caches; after them nothing may grow.
WARM_UP = 10
MAX_GROWTH_MB = 24.0
MAX_P999_RATIO = 3.0


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered, and checks what it was told."""

    def __init__(
        self, asks: list[tuple[bytes, int, int]], expected: dict[int, Any], found: list[Any], start: int
    ) -> None:
        self.asks, self.expected, self.found, self.index = asks, expected, found, start
        self.data = b""
        self.stopping = False
        self.problems: list[str] = []

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """The next request; those of the connections are spread over the rows."""
        self.index = (self.index + 1) % len(self.asks)
        request, self.first, self.count = self.asks[self.index]
        self.sent = time.monotonic_ns()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Check an answer once it is whole."""
        self.data += data
        head, mark, rest = self.data.partition(b"\r\n\r\n")
        if not mark:
            return
        headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        if len(rest) < int(headers[b"content-length"]):
            return
        now = time.monotonic_ns()
        version = int(headers.get(b"headrace-version", b"0"))
        if not head.startswith(b"HTTP/1.1 200") or version not in self.expected:
            self.problems.append(f"failed: {head[:40]!r} {rest[:200]!r}")
        else:
            told = np.array(json.loads(rest)["predictions"], np.float32)
            right = self.expected[version][self.first : self.first + self.count]
            if told.tobytes() != right.tobytes():
                self.problems.append(f"not of version {version}: rows {self.first} to {self.first + self.count}")
        self.found.append((self.sent, now - self.sent, version))
        self.data = b""
        if not self.stopping:
            self.send()

    def connection_lost(self, _: Exception | None) -> None:
        """A connection may end only when we end it."""
        if not self.stopping:
            self.problems.append("the server closed the connection")


async def ask(folder: Path, port: int) -> None:
    """Ask until standard input ends; then write down every request and what was wrong."""
    rows = json.loads((folder / "rows.json").read_text())
    expected = {int(file.stem[1:]): np.load(file) for file in folder.glob("v*.npy")}
    asks = []
    for index in range(len(rows)):
        count = MANY if index % 20 == 0 and index + MANY <= len(rows) else 1
        body = json.dumps({"instances": rows[index : index + count]}).encode()
        head = f"POST /v1/models/late:predict HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
        asks.append((head.encode() + body, index, count))
    found: list[Any] = []
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda number=number: Client(asks, expected, found, number * len(rows) // CONNECTIONS), "127.0.0.1", port
        )
        for number in range(CONNECTIONS)
    ]
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    for _, client in made:
        client.stopping = True
    await asyncio.sleep(0.5)
    for transport, client in made:
        if client.data:
            client.problems.append("an answer never came whole")
        transport.abort()
    np.save(folder / "requests.npy", np.array(found, np.int64))
    (folder / "problems.json").write_text(json.dumps([text for _, client in made for text in client.problems]))


def features(x: Any) -> dict[str, Any]:
    """Enough of them that a model is worth its name."""
    from headrace import ops

    return {
        "delay": ops.z_score(x.delay),
        "distance": ops.bucketize(x.distance, num_buckets=10),
        "carrier": ops.vocabulary(x.carrier, num_oov=4),
        "hour": x.hour,
        "is_unknown": ops.where(x.distance.is_null(), 1, 0),
    }


def prepare(folder: Path, seed: int) -> dict[int, str]:
    """A store with versions 1 and 2 of endpoint `late`, the rows, and what each version answers; version -> digest."""
    import pyarrow as pa

    from headrace.adapters.xgboost.trainer import XGBoost
    from headrace.dataset import Dataset
    from headrace.rules import Verdict
    from headrace.store import Store
    from headrace.training import train
    from headrace.transformation import transform

    random = np.random.default_rng(seed)
    num_rows = 4000
    delay = random.normal(10, 30, num_rows)
    missing = random.random(num_rows) < 0.1
    distances = random.integers(80, 3000, num_rows).tolist()
    table = pa.table(
        {
            "delay": pa.array(delay.tolist()),
            "distance": pa.array([None if gone else value for value, gone in zip(distances, missing, strict=True)]),
            "carrier": pa.array(random.choice(["AA", "UA", "DL", "\u00e9"], num_rows).tolist()),
            "hour": pa.array(random.integers(0, 24, num_rows).tolist()),
            "late": pa.array((delay + random.normal(0, 20, num_rows) > 15).tolist()),
        }
    )
    dataset = Dataset.from_arrow(table, label="late")
    graph = transform(features, dataset)
    asked = table.drop_columns(["late"]).slice(0, 1000)
    (folder / "rows.json").write_text(json.dumps(asked.to_pylist()))
    digests = {}
    with Store.open(folder / "home") as store:
        for version in (1, 2):
            model = train(
                XGBoost(n_estimators=200, max_depth=6, seed=version, learning_rate=0.1 * version), graph, dataset
            )
            np.save(folder / f"v{version}.npy", model.predict(asked)["prediction"].to_numpy())
            # What a gate says of it is another proof's: this one wants two models behind an endpoint.
            verdict = Verdict(ok=False, findings=(), model_digest=model.digest, evaluation_digest="0" * 64, rules=())
            store.save_artifact(model)
            store.save_artifact(verdict)
            store.push("late", model.digest, verdict.digest, expected_version=None if version == 1 else 1)
            digests[version] = model.digest
    first, second = (np.load(folder / f"v{version}.npy") for version in (1, 2))
    assert (first != second).mean() > 0.99, "two versions that answer alike would prove nothing"
    return digests


@contextmanager
def server(folder: Path, workers: int = WORKERS, **settings: str) -> Iterator[tuple[str, list[int]]]:
    """`headrace serve` with so many workers: its address, and their process ids."""
    variables = {f"HEADRACE_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", str(workers), "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(folder / "home"), "HEADRACE_POLL_S": "0.05", **variables},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        found = [int(one) for one in children if b"serving._worker" in Path(f"/proc/{one}/cmdline").read_bytes()]
        assert len(found) == workers
        yield url, found
        alive = [pid for pid in found if Path(f"/proc/{pid}").exists()]
        assert alive == found, "a worker died"
    finally:
        process.terminate()
        process.wait(60)


def size_of(pid: int) -> dict[str, float]:
    """What a process holds now."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
        "threads": int(status["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def served(url: str) -> int:
    """The version that whichever worker answers serves."""
    import urllib.request

    with urllib.request.urlopen(f"{url}/v1/models/late", timeout=30) as answer:
        states = json.loads(answer.read())["model_version_status"]
    return max((int(one["version"]) for one in states if one["state"] == "AVAILABLE"), default=0)


def move(folder: Path, url: str, version: int) -> tuple[int, int]:
    """Move the endpoint there; (when that was written, when a worker first served it), in monotonic nanoseconds."""
    from headrace.store import Store

    with Store.open(folder / "home") as store:
        store.roll_back("late", version)
    start = time.monotonic_ns()
    while served(url) != version:
        time.sleep(0.002)
        assert time.monotonic_ns() - start < 60e9, f"version {version} was not served within a minute"
    return start, time.monotonic_ns()


def quantiles(latencies: Any) -> dict[str, float | int]:
    """In milliseconds."""
    if not len(latencies):
        return {"requests": 0}
    p50, p99, p999 = np.quantile(latencies, [0.5, 0.99, 0.999]) / 1e6
    worst = float(latencies.max()) / 1e6
    return {
        "requests": len(latencies),
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "p999_ms": round(p999, 2),
        "max_ms": round(worst, 2),
    }


def flip_under_load(folder: Path, num_flips: int, *, is_whole: bool) -> dict[str, Any]:
    """The long part; times are judged where it is whole."""
    with server(folder, keep_previous_s="0") as (url, workers):
        port = url.rpartition(":")[2]
        client = subprocess.Popen([sys.executable, __file__, "--client", str(folder), port], stdin=subprocess.PIPE)
        time.sleep(1.0)  # connected, caches warm
        quiet_from = time.monotonic_ns()
        time.sleep(min(30.0, max(3.0, num_flips * 0.1)))
        quiet_to = time.monotonic_ns()
        windows, sizes = [], []
        for number in range(num_flips):
            windows.append(move(folder, url, 1 + number % 2))  # it starts at version 2
            time.sleep(0.1)  # the one before is freed meanwhile
            sizes.append([size_of(pid) for pid in workers])
        time.sleep(0.5)
        sizes.append([size_of(pid) for pid in workers])
        assert client.stdin is not None
        client.stdin.close()
        code = client.wait(60)
    requests = np.load(folder / "requests.npy")
    problems = json.loads((folder / "problems.json").read_text())
    sent, latency = requests[:, 0], requests[:, 1]
    quiet = (sent >= quiet_from) & (sent < quiet_to)
    moving = (sent >= windows[0][0]) & (sent < windows[-1][1] + 100_000_000)
    loading = np.zeros(len(sent), bool)
    for start, end in windows:
        loading |= (sent + latency >= start) & (sent <= end)
    warm = sizes[min(WARM_UP, len(sizes) // 2) :]
    growth = {
        name: max(after[name] - before[name] for before, after in zip(warm[0], warm[-1], strict=True))
        for name in ("rss_mb", "threads", "descriptors")
    }
    wrong = [*problems[:5]]
    if code:
        wrong.append(f"the client ended with {code}")
    if growth["threads"] > 0 or growth["descriptors"] > 1 or growth["rss_mb"] > MAX_GROWTH_MB:
        wrong.append(f"the workers grew: {growth}")
    ratio = float(np.quantile(latency[moving], 0.999) / np.quantile(latency[quiet], 0.999))
    if is_whole and ratio > MAX_P999_RATIO:
        wrong.append(f"p99.9 is {ratio:.1f} times that of the quiet time, and not {MAX_P999_RATIO:g} at most")
    if set(requests[:, 2].tolist()) != {1, 2}:
        wrong.append("not every version was asked")
    return {
        "proof": "swap",
        "part": "flips under load",
        "flips": num_flips,
        "workers": WORKERS,
        "requests": len(requests),
        "failed": len(problems),
        "quiet": quantiles(latency[quiet]),
        "moving": quantiles(latency[moving]),
        "while_loading": quantiles(latency[loading]),
        "p999_ratio": round(ratio, 2),
        "seconds_to_serve": round(float(np.median([end - start for start, end in windows])) / 1e9, 3),
        "rss_mb": [round(one["rss_mb"]) for one in (warm[0][0], warm[-1][0])],
        "growth": {name: round(value, 1) for name, value in growth.items()},
        "wrong": wrong,
    }


def roll_back(folder: Path, num_moves: int) -> dict[str, Any]:
    """Moves to a version that is still loaded."""
    with server(folder, keep_previous_s="600") as (url, _):
        now = served(url)
        move(folder, url, 3 - now)
        taken = []
        for _ in range(num_moves):
            now = served(url)
            start, end = move(folder, url, 3 - now)
            taken.append(end - start)
    return {
        "proof": "swap",
        "part": "rollbacks to a version still loaded, the store looked into every 50 ms",
        "moves": num_moves,
        "median_ms": round(float(np.median(taken)) / 1e6, 1),
        "max_ms": round(max(taken) / 1e6, 1),
        "wrong": [],
    }


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    if sys.argv[1:2] == ["--client"]:
        asyncio.run(ask(Path(sys.argv[2]), int(sys.argv[3])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="1/N of the moves")
    parser.add_argument("--seed", type=int, default=1, help="of the rows")
    arguments = parser.parse_args()
    started = time.monotonic()
    num_flips = max(2, NUM_FLIPS // arguments.share)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="headrace-swap-") as name:
        folder = Path(name)
        # What is proved is one state of the source, whoever edits it meanwhile.
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        os.environ["PYTHONPATH"] = str(folder / "src")
        sys.path.insert(0, str(folder / "src"))
        prepare(folder, arguments.seed)
        long = flip_under_load(folder, num_flips, is_whole=arguments.share == 1)
        for part in (long, roll_back(folder, max(3, num_flips // 50))):
            wrong += bool(part["wrong"])
            print(json.dumps(part), flush=True)
    summary = {
        "proof": "swap",
        "summary": True,
        "flips": num_flips,
        "violations": wrong,
        "seed": arguments.seed,
        "share": arguments.share,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
