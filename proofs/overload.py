"""Proof `overload`: three times as much is asked as a server can answer, for a minute, and it goes on answering.

1. The peak: how many requests a second one worker answers to 16 clients that ask as fast as they are answered, and how
   long they wait (p50, p99). Each asks for 256 rows, so that a client in Python can ask three times as fast as they
   are answered.
2. For a minute three times that rate is sent, open loop: a request is due at its moment whatever became of those
   before it, over up to 1,000 connections, and its time counts from when it was due. Counted are answers (200),
   requests turned away (503 with `retry-after`) and everything else, of which there must be none.
3. Then one tenth of the peak: how long until requests are answered as at the start.

Must hold: goodput at least 80 % of the peak; the p99 of what was answered under five times the peak's p99; not one
answer but 200 and 503, every prediction as it must be to the last bit; and within five seconds of the end no 503, and
times as before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from swap import prepare, quantiles

SECONDS = 60
PEAK_S = 6.0
RECOVERY_S = 10.0
ROWS = 256
CLIENTS = 16
MOST_CONNECTIONS = 1000


@contextmanager
def server(folder: Path, *, workers: int = 1, **settings: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`headrace serve`: its port and its process."""
    variables = {f"HEADRACE_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", str(workers), "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(folder / "home"), **variables},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["url"].rpartition(":")[2]), process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)


def workers_of(pid: int) -> list[int]:
    """The process ids of a server's workers."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):  # it has just ended
            if b"headrace.serving._worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


class Connection(asyncio.Protocol):
    """One keep-alive connection: a request at a time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.data = b""
        self.due = 0.0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Ready to ask."""
        self.transport = transport

    def ask(self, due: float) -> None:
        """Send the request that was due at that moment."""
        self.due = due
        self.transport.write(self.client.request)

    def data_received(self, data: bytes) -> None:
        """Take an answer, when it is whole."""
        self.data += data
        head, mark, rest = self.data.partition(b"\r\n\r\n")
        if mark and len(rest) >= int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]):
            self.data = b""
            self.client.answered(self, head, rest)

    def connection_lost(self, _: Exception | None) -> None:
        """Not before we end it."""
        self.client.lost(self)


class Client:
    """Asks, closed loop or at a rate, and checks every answer."""

    def __init__(self, port: int, body: bytes, expected: bytes) -> None:
        self.port = port
        self.expected = expected
        self.request = (
            f"POST /v1/models/late:predict HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.idle: list[Connection] = []
        self.num_connections = self.num_unsent = 0
        self.right = b""
        self.again = False
        self.stopping = False
        self.wrong: list[str] = []
        self.found: list[tuple[float, float, int]] = []  # due, took, status

    def answered(self, connection: Connection, head: bytes, rest: bytes) -> None:
        """Check an answer, and ask again where that is how it is asked."""
        now = time.monotonic()
        status = int(head[9:12])
        if status == 200:
            if rest != self.right and np.array(json.loads(rest)["predictions"], np.float32).tobytes() != self.expected:
                self.wrong.append("a prediction is not as it must be")
            self.right = rest  # the next are compared with it, which takes no time
        elif status != 503 or b"retry-after" not in head.lower():
            self.wrong.append(f"{head[:60]!r} {rest[:200]!r}")
        self.found.append((connection.due, now - connection.due, status))
        if self.again and not self.stopping:
            connection.ask(now)
        else:
            self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection ended."""
        self.num_connections -= 1
        if not self.stopping:
            self.wrong.append("the server closed a connection")

    async def connect(self) -> Connection:
        """One more connection."""
        self.num_connections += 1
        _, made = await asyncio.get_running_loop().create_connection(lambda: Connection(self), "127.0.0.1", self.port)
        return made

    async def closed_loop(self, seconds: float) -> None:
        """Some clients, each asking again when it was answered."""
        self.again = True
        made = [await self.connect() for _ in range(CLIENTS)]
        for one in made:
            one.ask(time.monotonic())
        await asyncio.sleep(seconds)
        self.again = False
        await asyncio.sleep(0.5)

    async def at_rate(self, rate: float, seconds: float) -> None:
        """Requests due one after the other at a rate; those for which no connection is left are counted."""
        start = time.monotonic()
        sent = 0
        connecting: set[asyncio.Task[None]] = set()

        async def by_another(due: float) -> None:
            (await self.connect()).ask(due)

        while (now := time.monotonic()) - start < seconds:
            while sent < (now - start) * rate:
                due = start + sent / rate
                sent += 1
                if self.idle:
                    self.idle.pop().ask(due)
                elif self.num_connections < MOST_CONNECTIONS:
                    task = asyncio.ensure_future(by_another(due))
                    connecting.add(task)
                    task.add_done_callback(connecting.discard)
                else:
                    self.num_unsent += 1
            await asyncio.sleep(0.001)
        await asyncio.sleep(1.0)

    def take(self) -> Any:
        """What was found since it was taken last: due, seconds, status."""
        found, self.found = self.found, []
        return np.array(found or np.empty((0, 3)))


def processor_s(pid: int) -> float:
    """The processor time a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(port: int, worker: int, body: bytes, expected: bytes, seconds: float, peak_s: float) -> dict[str, Any]:
    """The three parts."""
    client = Client(port, body, expected)
    await client.closed_loop(1.0)
    client.take()
    used = [processor_s(worker)]
    await client.closed_loop(peak_s)
    used.append(processor_s(worker))
    peak = client.take()
    peak_rate = len(peak) / peak_s
    began = time.monotonic()
    await client.at_rate(3.0 * peak_rate, seconds)
    used.append(processor_s(worker))
    over = client.take()
    ended = time.monotonic() - 1.0
    await client.at_rate(0.1 * peak_rate, RECOVERY_S)
    after = client.take()
    client.stopping = True
    good = over[over[:, 2] == 200]
    peak_times, good_times = quantiles(peak[:, 1] * 1e9), quantiles(good[:, 1] * 1e9)
    # Recovered: from then on no 503, and answered as quickly as at the peak.
    late = after[(after[:, 2] != 200) | (after[:, 1] > 2.0 * np.quantile(peak[:, 1], 0.99))]
    recovery_s = max(0.0, float(late[:, 0].max()) - ended) if len(late) else 0.0
    goodput = len(good) / seconds
    # The same by the worker's processor time: what others on the machine take from it in between does not count there.
    share = max(goodput / peak_rate, len(good) / (used[2] - used[1]) / (len(peak) / (used[1] - used[0])))
    wrong = client.wrong[:5]
    if share < 0.8:
        wrong.append(f"goodput is {share:.2f} of the peak")
    if good_times["p99_ms"] >= 5.0 * peak_times["p99_ms"]:
        wrong.append("what was answered waited too long")
    if recovery_s >= 5.0:
        wrong.append("it did not recover")
    if (over[:, 2] == 503).sum() < 0.2 * len(over):
        wrong.append("this was no overload: hardly one was turned away")
    return {
        "peak_per_s": round(peak_rate),
        "peak": peak_times,
        "offered_per_s": round((len(over) + client.num_unsent) / (ended - began)),
        "answered_per_s": round(goodput),
        "goodput_share": round(goodput / peak_rate, 3),
        "goodput_share_by_processor_time": round(
            len(good) / (used[2] - used[1]) / (len(peak) / (used[1] - used[0])), 3
        ),
        "answered": good_times,
        "p99_ratio": round(good_times["p99_ms"] / peak_times["p99_ms"], 2),
        "statuses": {str(int(status)): number for status, number in Counter(over[:, 2]).items()},
        "turned_away": quantiles(over[over[:, 2] == 503][:, 1] * 1e9),
        "without_connection": client.num_unsent,
        "recovery_s": round(recovery_s, 2),
        "wrong": wrong,
    }


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="1/N of the minute")
    parser.add_argument("--seed", type=int, default=1, help="of the rows")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headrace-overload-") as name:
        folder = Path(name)
        prepare(folder, arguments.seed)
        body = json.dumps({"instances": json.loads((folder / "rows.json").read_text())[:ROWS]}).encode()
        expected = np.load(folder / "v2.npy")[:ROWS].astype(np.float32).tobytes()
        seconds = max(4.0, SECONDS / arguments.share)
        with server(folder) as (port, process):
            (worker,) = workers_of(process.pid)
            found = asyncio.run(ask(port, worker, body, expected, seconds, max(2.0, PEAK_S / arguments.share)))
    record = {"proof": "overload", **found, "violations": len(found["wrong"])}
    print(json.dumps({**record, "seconds": round(time.monotonic() - started)}), flush=True)
    raise SystemExit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
