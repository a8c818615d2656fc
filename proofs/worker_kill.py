"""Proof `worker_kill`: what happens to one worker under load is its own clients' trouble, and soon nobody's.

A server of two workers is asked by 16 keep-alive clients without a pause; every connection knows which worker it is of.

1. SIGKILL of one worker: requests in flight on its connections fail, at most one a connection, and no other; another
   takes its place.
2. SIGSTOP of one worker: its connections hang until the supervisor sees that it no longer beats, kills it and starts
   another; nothing else fails.
3. SIGTERM of the server: every request that was sent is answered, and not one connection is cut off before that.

Every answer is checked to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from overload import server, workers_of
from swap import prepare

CONNECTIONS = 16
WORKERS = 2
MOST_STOPPED_S = 20.0
MOST_KILLED_S = 20.0


class Client(threading.Thread):
    """Asks over one connection; makes another where one ends."""

    def __init__(self, port: int, bodies: list[bytes], expected: Any, place: int) -> None:
        super().__init__(daemon=True)
        self.port, self.bodies, self.expected, self.at = port, bodies, expected, place * 7
        self.num_answered = self.num_refused = 0
        self.failed: list[tuple[float, int, str]] = []  # when, of which worker, why
        self.wrong: list[str] = []
        self.stopping = False

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.stopping:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            except OSError:
                self.num_refused += 1
                time.sleep(0.02)
                continue
            worker = -1
            with connection:
                try:
                    head, rest = self.send(connection, b"GET /health/live", b"")
                    worker = json.loads(rest)["worker"]
                    while not self.stopping and b"connection: close" not in head.lower():
                        index = self.at = (self.at + 1) % len(self.bodies)
                        head, rest = self.send(connection, b"POST /v1/models/late:predict", self.bodies[index])
                        found = np.float32(json.loads(rest)["predictions"][0]) if head[9:12] == b"200" else None
                        if found != self.expected[index]:
                            self.wrong.append(f"row {index}: {head[:40]!r} {rest[:100]!r}")
                        self.num_answered += 1
                except (OSError, ValueError) as error:
                    if worker >= 0:  # a connection that was never answered belongs to nobody yet
                        self.failed.append((time.monotonic(), worker, repr(error)))

    def send(self, connection: socket.socket, line: bytes, body: bytes) -> tuple[bytes, bytes]:
        """One request, one answer. Raises OSError where the connection ends before it is whole."""
        connection.sendall(line + b" HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        data = b""
        while True:
            part = connection.recv(65536)
            if not part:
                raise ConnectionError("the connection ended")
            data += part
            head, mark, rest = data.partition(b"\r\n\r\n")
            if mark and len(rest) >= int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]):
                return head, rest


def number_of(pid: int) -> int:
    """A worker's number, from its options."""
    options = json.loads(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3])
    return int(options["number"])


def strike(number: signal.Signals, pid: int, clients: list[Client], most_s: float) -> dict[str, Any]:
    """Send a signal to one worker under load; what failed, and how long until another answers in its place."""
    workers = workers_of(pid)
    victim = workers[0]
    name = number_of(victim)
    start = time.monotonic()
    os.kill(victim, number)
    replaced_s = None
    while time.monotonic() - start < most_s + 20.0:
        now = workers_of(pid)
        if victim not in now and len(now) == WORKERS:
            replaced_s = time.monotonic() - start
            break
        time.sleep(0.01)
    time.sleep(2.0)
    failed = [one for client in clients for one in client.failed if one[0] >= start]
    others = [one for one in failed if one[1] != name]
    wrong = []
    if replaced_s is None or replaced_s > most_s:
        wrong.append(f"it was not replaced within {most_s:g} s")
    if others:
        wrong.append(f"requests to another worker failed: {others[:3]}")
    per_client = [sum(one[0] >= start for one in client.failed) for client in clients]
    if max(per_client) > 1:
        wrong.append("a client failed more than once")
    if not failed:
        wrong.append("nothing failed: the worker had no clients, this proved nothing")
    return {
        "part": f"{number.name} of one worker",
        "failed": len(failed),
        "failed_elsewhere": len(others),
        "replaced_s": None if replaced_s is None else round(replaced_s, 2),
        "wrong": wrong,
    }


def drain(pid: int, clients: list[Client]) -> dict[str, Any]:
    """SIGTERM of the server under load."""
    start = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() - start < 60:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.02)
    took = time.monotonic() - start
    failed = [one for client in clients for one in client.failed if one[0] >= start]
    return {
        "part": "SIGTERM of the server",
        "failed": len(failed),
        "seconds_to_end": round(took, 2),
        "wrong": [f"requests failed: {failed[:3]}"] if failed else [],
    }


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="1/N of ten rounds")
    parser.add_argument("--seed", type=int, default=1, help="of the rows")
    arguments = parser.parse_args()
    started = time.monotonic()
    rounds = max(1, 10 // arguments.share)
    num_wrong = num_answered = 0
    with tempfile.TemporaryDirectory(prefix="headrace-worker-kill-") as name:
        folder = Path(name)
        prepare(folder, arguments.seed)
        rows = json.loads((folder / "rows.json").read_text())
        bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
        expected = np.load(folder / "v2.npy")
        for turn in range(rounds):
            with server(folder, workers=WORKERS) as (port, process):
                clients = [Client(port, bodies, expected, place) for place in range(CONNECTIONS)]
                for client in clients:
                    client.start()
                time.sleep(1.0)
                parts = [
                    strike(signal.SIGKILL, process.pid, clients, MOST_KILLED_S),
                    strike(signal.SIGSTOP, process.pid, clients, MOST_STOPPED_S),
                    drain(process.pid, clients),
                ]
                for client in clients:
                    client.stopping = True
                for client in clients:
                    client.join(60)
                answers = [text for client in clients for text in client.wrong]
                num_answered += sum(client.num_answered for client in clients)
            for part in parts:
                num_wrong += bool(part["wrong"])
                print(json.dumps({"proof": "worker_kill", "round": turn, **part}), flush=True)
            num_wrong += len(answers)
            if answers:
                print(json.dumps({"proof": "worker_kill", "round": turn, "wrong": answers[:3]}), flush=True)
    summary = {
        "proof": "worker_kill",
        "summary": True,
        "rounds": rounds,
        "requests": num_answered,
        "violations": num_wrong,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if num_wrong else 0)


if __name__ == "__main__":
    main()
