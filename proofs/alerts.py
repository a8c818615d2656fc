"""Proof: alerts come soon, end when they should, and do not cry wolf.

1. *Quiet.* 1,000 windows of rows like those a model was fitted on, 20,000 rows of six columns each, looked at whole
   and in each of twenty slices: at most 1 % have an alert for drift.
2. *Keen.* 100 windows in which one column is shifted by 0.3 standard deviations in one slice, a twentieth of the rows:
   how often column and slice are named, and whether anything else is.
3. *Soon.* A server under load, followed by `headrace monitor`; requests begin to be refused: the seconds until a
   webhook and a mailbox are told, and, when the bad requests stop and the window has passed, until both hear that it
   is over; ten times. At last an alert rolls the endpoint back.

    python proofs/alerts.py [--share 50] [--seed 1]      --share N: 1/N of the windows and times
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parent.parent
NUM_QUIET, NUM_SHIFTED, NUM_TIMES = 1000, 100, 10
NUM_ROWS, MOST_S = 20_000, 10.0


def window(seed: int, num_rows: int, shift: float = 0.0) -> Any:
    """Rows as they are asked; in one slice of twenty a column may be shifted by so many standard deviations."""
    draw = np.random.default_rng(seed)
    carrier = draw.integers(0, 20, num_rows)
    delay = draw.normal(10, 30, num_rows) + np.where(carrier == 7, shift * 30, 0.0)
    gone = draw.random(num_rows) < 0.05
    return pa.table(
        {
            "delay": pa.array(np.where(gone, 0.0, delay).tolist(), mask=gone),
            "distance": pa.array(draw.gamma(2.0, 500.0, num_rows).tolist()),
            "hour": pa.array(draw.integers(0, 24, num_rows).tolist()),
            "origin": pa.array(draw.choice(["EWR", "JFK", "LGA"], num_rows, p=[0.4, 0.35, 0.25]).tolist()),
            "temp": pa.array(draw.normal(15, 8, num_rows).tolist()),
            "carrier": pa.array([f"C{one:02d}" for one in carrier.tolist()]),
        }
    )


def drift(num_quiet: int, num_shifted: int, seed: int) -> list[dict[str, Any]]:
    """Parts 1 and 2."""
    from headrace.monitoring import SliceBaseline

    fitted = window(seed, 100_000)
    baseline = SliceBaseline(fitted, fitted.column_names, ["carrier"])
    alarmed = []
    for number in range(num_quiet):
        over = [one for one in baseline.compare(window(seed * 1_000_003 + number + 1, NUM_ROWS)) if one.ratio > 1]
        if over:
            alarmed.append((number, over[0].feature, over[0].slice, round(over[0].ratio, 2)))
    num_named = num_others = 0
    for number in range(num_shifted):
        rows = window(seed * 2_000_003 + number + 1, NUM_ROWS, shift=0.3)
        over = [(one.feature, one.slice) for one in baseline.compare(rows) if one.ratio > 1]
        num_named += ("delay", (("carrier", "C07"),)) in over
        num_others += len([one for one in over if one != ("delay", (("carrier", "C07"),))])
    share = len(alarmed) / num_quiet
    return [
        {
            "proof": "alerts",
            "part": "quiet",
            "windows": num_quiet,
            "rows": NUM_ROWS,
            "columns": len(baseline.columns),
            "slices": 21,
            "windows_with_an_alert": len(alarmed),
            "share": share,
            "which": alarmed[:5],
            "wrong": [f"{share:.1%} of the windows had an alert"] if len(alarmed) > max(1, 0.01 * num_quiet) else [],
        },
        {
            "proof": "alerts",
            "part": "keen",
            "windows": num_shifted,
            "shift_sd": 0.3,
            "slice_share": 0.05,
            "named": num_named,
            "others_named": num_others,
            "wrong": ["the shift was not named"] if num_named < 0.95 * num_shifted else [],
        },
    ]


class Heard:
    """A webhook and a mail relay on loopback, and when each was told what."""

    def __init__(self) -> None:
        self.posts: list[tuple[float, dict[str, Any]]] = []
        self.mails: list[tuple[float, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()
                outer.posts.append((time.monotonic(), body))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.smtp = f"127.0.0.1:{self.listener.getsockname()[1]}"
        for run in (self.server.serve_forever, self._relay):
            threading.Thread(target=run, daemon=True).start()

    def _relay(self) -> None:
        while True:
            client, _ = self.listener.accept()
            with client, client.makefile("rwb") as file:
                file.write(b"220 here\r\n")
                file.flush()
                while line := file.readline():
                    answer = b"250 ok\r\n"
                    if line.upper().startswith(b"DATA"):
                        file.write(b"354 go on\r\n")
                        file.flush()
                        data = b""
                        while (one := file.readline()) != b".\r\n":
                            data += one
                        self.mails.append((time.monotonic(), data.decode()))
                    elif line.upper().startswith(b"QUIT"):
                        answer = b"221 bye\r\n"
                    file.write(answer)
                    file.flush()


def soon(folder: Path, num_times: int, seed: int) -> list[dict[str, Any]]:
    """Part 3."""
    found = importlib.util.spec_from_file_location("proof_bandit", ROOT / "proofs" / "bandit.py")
    assert found is not None
    assert found.loader is not None
    bandit = importlib.util.module_from_spec(found)
    found.loader.exec_module(bandit)
    from headrace.store import Store

    home = folder / "home"
    model, bodies = bandit.prepare(home, seed)
    bandit.push(home, bandit.twin(model, 2))
    heard = Heard()
    is_bad, stop = threading.Event(), threading.Event()

    def ask(address: str, place: int) -> None:
        client = bandit.Client(address)
        number = 0
        while not stop.is_set():
            number += 1
            client.post("/v1/models/late:predict", b"{}" if is_bad.is_set() and number % 2 else bodies[number % 100])
            time.sleep(0.005)

    def wait(what: list[Any], count: int, since: float) -> float:
        while len(what) < count and time.monotonic() - since < 60:
            time.sleep(0.02)
        return (what[count - 1][0] - since) if len(what) >= count else 60.0

    def follow(*more: str) -> subprocess.Popen[bytes]:
        rule = ["--rule", "refused_share <= 0.3 with 20 rows", "--window", "5"]
        command = [sys.executable, "-m", "headrace.cli", "monitor", "late", *rule, *more]
        return subprocess.Popen(command, env={**os.environ, "HEADRACE_HOME": str(home)}, cwd=home)

    to_tell, to_mail, to_end = [], [], []
    with bandit.server(home) as (address, _):
        threads = [threading.Thread(target=ask, args=(address, place)) for place in range(4)]
        for thread in threads:
            thread.start()
        monitor = follow("--webhook", heard.url, "--email", "oncall@example.org", "--smtp", heard.smtp)
        time.sleep(8.0)
        for number in range(num_times):
            is_bad.set()
            begun = time.monotonic()
            to_tell.append(wait(heard.posts, 2 * number + 1, begun))
            to_mail.append(wait(heard.mails, 2 * number + 1, begun))
            is_bad.clear()
            over = time.monotonic()
            to_end.append(wait(heard.posts, 2 * number + 2, over))
            wait(heard.mails, 2 * number + 2, over)
        monitor.send_signal(signal.SIGTERM)
        code = monitor.wait(30)
        monitor = follow("--then", "rollback")
        time.sleep(5.0)
        is_bad.set()
        begun = time.monotonic()
        with Store.open(home) as store:
            while store.moves("late")[-1].version != 1 and time.monotonic() - begun < 60:
                time.sleep(0.05)
            back_s = time.monotonic() - begun
            (move,) = [one for one in store.moves("late") if one.action == "rollback"]
        stop.set()
        for thread in threads:
            thread.join()
        monitor.send_signal(signal.SIGTERM)
        monitor.wait(30)
    states = [body["state"] for _, body in heard.posts]
    told = (("the webhook", to_tell), ("mail", to_mail))
    wrong = [f"{name} was told after {max(times):.1f} s" for name, times in told if max(times) > MOST_S]
    if states != ["firing", "resolved"] * num_times or len(heard.mails) != len(states) or code:
        wrong.append(f"told {states[:6]}, {len(heard.mails)} mails, exit code {code}")
    return [
        {
            "proof": "alerts",
            "part": "soon",
            "times": num_times,
            "median_s_to_webhook": round(float(np.median(to_tell)), 2),
            "most_s_to_webhook": round(max(to_tell), 2),
            "most_s_to_mail": round(max(to_mail), 2),
            "median_s_until_resolved": round(float(np.median(to_end)), 2),
            "seconds_until_rolled_back": round(back_s, 2),
            "rolled_back_because": move.reason,
            "wrong": wrong,
        }
    ]


def main() -> int:
    """Print one JSON line a part; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, metavar="N", help="1/N of the windows and times")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("drift", "soon"))
    arguments = parser.parse_args()
    found = []
    if arguments.part in (None, "soon"):
        with tempfile.TemporaryDirectory() as name:
            found += soon(Path(name), max(2, NUM_TIMES // arguments.share), arguments.seed)
            print(json.dumps(found[-1]), flush=True)
    if arguments.part in (None, "drift"):
        num = [max(10, count // arguments.share) for count in (NUM_QUIET, NUM_SHIFTED)]
        for line in drift(num[0], num[1], arguments.seed):
            found.append(line)
            print(json.dumps(line), flush=True)
    return 1 if any(line["wrong"] for line in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
