"""Proof: the second day survives kill -9: months arrive, runs go on, the server serves; nothing is lost or done twice.

A pipeline of five steps over a window of 3 x 2,000 rows; a month arrives, is run, and its model is pushed; a server
with two workers serves the endpoint all the while, and a client asks it without pause. Each month one process is
killed at a random moment (100 times):

    watched   `headrace up --serve` beside a `headrace worker`: killed are `up`, the worker, the zygote that forks
              steps, the server and one of its workers. Whoever keeps services running starts `up` and the worker
              again; the server comes back by itself, with `up`.
    once      `headrace up --once`, again until it ends with 0, beside `headrace serve`: `up` and the server are killed.
    by hand   `headrace run` beside a worker and `headrace serve`: the runner and the worker are killed; the worker
              finishes what the runner left.

After each month: the store is, by `doctor --digest`, that of an undisturbed one; there is one run a month, and no step
key succeeded twice; every version of the endpoint is there, in order, with the model of the undisturbed store; the
server serves the newest. Every answer that was given is, bit for bit, that of the version it names. At last every
artifact has its bytes, no process is left, and every answered request is in the request log, but for those that were
answered in the last second before a worker of the server was killed. One JSON line a month, the last one sums up.

    python proofs/second_day.py [--share 50] [--seed 1]      --share N: each way to die once, and 100/N at random
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import functools
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kill import Bench

NUM_KILLS = 100
TIMEOUT_S = 180.0
WAYS = (
    ("watched", "up"),
    ("watched", "worker"),
    ("watched", "zygote"),
    ("watched", "server"),
    ("watched", "server worker"),
    ("once", "up"),
    ("once", "server"),
    ("once", "server worker"),
    ("by hand", "runner"),
    ("by hand", "worker"),
)
# What the command line of a process shows.
SHOWN = {
    "zygote": "headrace.orchestration.zygote",
    "server worker": "headrace.serving._worker",
}
ROW = {"x": 0.5}

PIPELINE = '''
"""Five steps, from rows to an endpoint, without waiting for a trainer."""

import headrace as hr


@hr.step
def fit(examples):
    """A model that says to every row what the mean of x is: each window's is another."""
    import pyarrow.compute as pc

    from headrace.model.trees import Tree, add_tree_ensemble
    from headrace.training import Predictor, assemble

    rows = examples.to_arrow(columns=["x"])
    mean = pc.mean(rows["x"]).as_py()

    class Constant(Predictor):
        task = "binary"

        def build(self, builder, features):
            margin = add_tree_ensemble(builder, features, [Tree.constant(mean)], rule="<", num_features=1)
            return {"margin": margin, "prediction": builder.node("Sigmoid", [margin])}

    graph = hr.transform(lambda x: {"x": x.x}, examples)
    return assemble(graph, Constant(), label="late", sample=rows.slice(0, 50))


@hr.step
def judge(model, examples):
    """A verdict that says yes."""
    report = hr.evaluate(model, examples, metrics=["brier"])
    return hr.gate(model, report, rules=["brier <= 1"])


@hr.pipeline
def five():
    raw = hr.ingest("data/{span}.parquet", spans="last 3", label="late", key=["id"], split={"train": 8, "eval": 2})
    examples = hr.validate(raw, hr.load_schema("schema.yaml"), previous=hr.previous(raw)).accepted
    model = fit(examples)
    hr.push(model, judge(model, examples), endpoint="late")
'''


def name_of(month: int) -> str:
    """The span of the n-th month, counted from 1."""
    return f"{2013 + (month - 1) // 12}-{(month - 1) % 12 + 1:02d}"


def arrive(folder: Path, month: int) -> None:
    """A month of 2,000 made-up rows arrives, whole."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random_ = np.random.default_rng(month)
    x = random_.normal(size=2000)
    columns = {
        "id": np.arange(month * 2000, (month + 1) * 2000),
        "x": pa.array(x, mask=random_.random(2000) < 0.05),
        "carrier": random_.choice(["AA", "DL", "UA"], 2000),
        "late": x > 0,
    }
    beside = folder / f"{month}.new"
    pq.write_table(pa.table(columns), beside)
    beside.rename(folder / "data" / f"{name_of(month)}.parquet")


def _has_ended(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


def command_of(pid: int) -> str:
    """A process's command line."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


class Kept:
    """A process that is started again when it ends, as a service is."""

    def __init__(self, bench: Bench, *arguments: str) -> None:
        self.bench, self.arguments = bench, arguments
        self.process = bench.start(*arguments)
        self.started = time.monotonic()

    def tend(self) -> None:
        """Start it again, half a second after it was last started at the earliest."""
        if self.process.poll() is not None and time.monotonic() - self.started > 0.5:
            self.close()
            self.process, self.started = self.bench.start(*self.arguments), time.monotonic()

    def close(self) -> None:
        """Let go of what is left of it."""
        self.process.wait(TIMEOUT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        self.close()
        return int(self.process.returncode)


class Client(threading.Thread):
    """Asks without pause; an answer must be right, none at all is counted."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.expected = port, dict[int, str]()
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        self.answers: list[tuple[str, float, float]] = []  # request id, when it was asked and when answered
        self.newest = 0
        self.is_stopping = False

    def run(self) -> None:
        """Ask, and ask."""
        connection = None
        body = json.dumps({"instances": [ROW, ROW, ROW]})
        while not self.is_stopping:
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                asked = time.monotonic()
                connection.request("POST", "/v1/models/late:predict", body)
                answer = connection.getresponse()
                self.check(answer, answer.read().decode(), asked)
            except (OSError, http.client.HTTPException):
                self.counts["unanswered"] += 1
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)
            time.sleep(0.005)
        if connection is not None:
            connection.close()

    def check(self, answer: http.client.HTTPResponse, text: str, asked: float) -> None:
        """An answer is wholly that of the version it names."""
        if answer.status != 200:
            self.counts[f"status {answer.status}"] += 1
            return
        self.counts["answered"] += 1
        self.answers.append((str(answer.getheader("headrace-request-id")), asked, time.monotonic()))
        number, told = int(answer.getheader("headrace-version") or 0), json.loads(text)["predictions"]
        if [json.dumps(one) for one in told] != [self.expected.get(number)] * 3:
            self.wrong.append(f"version {number} answered {text}, not {self.expected.get(number)}")
        self.newest = number


class Days:
    """One project through many months, disturbed; and another that nobody disturbs."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.bench = Bench(folder)
        self.choose = random.Random(seed)
        self.month = 3
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.twin = copy.copy(self.bench)
        self.twin.folder = folder / "undisturbed"
        for place in (self.bench.folder, self.twin.folder):
            if place != self.bench.folder:
                (place / "data").mkdir(parents=True)
                (place / "schema.yaml").write_bytes((self.bench.folder / "schema.yaml").read_bytes())
            (place / "five.py").write_text(PIPELINE)
            (place / "headrace.toml").write_text(
                f'home = ".headrace"\nworkers = 2\npoll_s = 0.1\nserve_workers = 2\nport = {port}\n'
            )
            for month in (1, 2, 3):
                arrive(place, month)
        self.client = Client(port)
        self.learn()
        if self.bench.call("run", "five.py")[0] != 0:
            raise SystemExit((self.bench.folder / "messages.txt").read_text())
        self.kept: list[Kept] = []
        self.shots: list[float] = []  # when a worker of the server was killed
        self.lost: list[float] = []  # how long before a shot what is not in the log was answered

    def learn(self) -> None:
        """What an undisturbed run makes of the newest month; how long it takes; what its version answers."""
        import pyarrow as pa

        from headrace.model import Model
        from headrace.store import Store

        self.seconds, self.digests = self.twin.run_whole()
        with Store.open(self.twin.folder / ".headrace", read_only=True) as store:
            served = store.endpoint("late")
            assert served is not None
            told = store.load_artifact(served.model_digest, Model).predict(pa.table({"x": [ROW["x"]]}))
        # As the server writes a float32: the shortest text that reads back as it.
        self.client.expected[served.version] = json.dumps(json.loads(str(told["prediction"].to_numpy()[0])))

    def victims(self, who: str, actor: subprocess.Popen[str] | None) -> list[int]:
        """The living processes that go by that name."""
        if who in SHOWN:
            return [pid for pid in self.bench.processes() if SHOWN[who] in command_of(pid)]
        if who == "server":
            own = [item.process.pid for item in self.kept if item.arguments[0] == "serve"]
            return own or [pid for pid in self.bench.processes() if "headrace.orchestration.served" in command_of(pid)]
        if actor is not None and who in ("up", "runner"):
            return [actor.pid]
        return [item.process.pid for item in self.kept if item.arguments[0] == who]

    def tend(self) -> None:
        """Keep services running."""
        for item in self.kept:
            item.tend()

    def settle(self, mode: str) -> None:
        """Have the services that a mode needs, and no others."""
        wanted = {
            "watched": [("up", "--serve", "--no-web"), ("worker",)],
            "once": [("serve",)],
            "by hand": [("serve",), ("worker",)],
        }[mode]
        for item in [item for item in self.kept if item.arguments not in wanted]:
            self.kept.remove(item)
            item.stop()
        have = [item.arguments for item in self.kept]
        self.kept += [Kept(self.bench, *arguments) for arguments in wanted if arguments not in have]
        if not self.client.is_alive():
            self.client.start()
        self.wait(lambda: self.client.newest == self.month - 2, "the server to be ready")

    def wait(self, condition: Any, what: str) -> str:
        """Wait, services kept; what it was waited for when it was in vain."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            self.tend()
            if time.monotonic() > deadline:
                return f"waited in vain for {what}"
            time.sleep(0.02)
        return ""

    def live(self, mode: str, who: str) -> dict[str, Any]:
        """One month: it arrives, somebody is killed, and it is made good."""
        self.settle(mode)
        self.month += 1
        arrive(self.twin.folder, self.month)
        self.learn()
        command = {"once": ("up", "--once"), "by hand": ("run", "five.py")}.get(mode)
        moment_s = self.choose.uniform(0, 1.2 * self.seconds + 0.5)
        arrive(self.bench.folder, self.month)
        start = time.monotonic()
        actor = None if command is None else self.bench.start(*command)
        killed = False
        while not killed and not self.is_done():
            if time.monotonic() - start >= moment_s:
                found = self.victims(who, actor if actor is not None and actor.poll() is None else None)
                for pid in found[:1] if who != "server worker" else [self.choose.choice(found)] if found else []:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        killed = True
                        self.shots += [time.monotonic()] if who == "server worker" else []
            if not killed and actor is None:
                self.tend()
            time.sleep(0.002)
        died = time.monotonic()
        wrong = self.make_good(command, actor)
        wrong += filter(None, [self.wait(lambda: self.client.newest == self.month - 2, "the server to serve it")])
        back_s = time.monotonic() - died
        facts = {"month": name_of(self.month), "mode": mode, "who": who, "moment_s": round(moment_s, 3)}
        return {**facts, "killed": killed, "back_s": round(back_s, 2), "wrong": wrong + self.look()}

    def make_good(self, command: tuple[str, ...] | None, actor: subprocess.Popen[str] | None) -> list[str]:
        """What a person, or who keeps services running, does after a kill."""
        wrong = []
        for _ in range(5):
            if actor is None or command is None:
                break
            wrong += filter(None, [self.wait(functools.partial(_has_ended, actor), "the command to end")])
            if actor.stdout is not None:
                actor.stdout.close()
            if actor.returncode == 0 or (command[0] == "run" and self.num_runs() == self.month - 2):
                break  # of a run that is recorded the worker takes care
            actor = self.bench.start(*command)
        wrong += filter(None, [self.wait(self.is_done, "the month to be run")])
        return wrong

    def num_runs(self) -> int:
        """Runs recorded so far; one a month, and one of the first three."""
        from headrace.store import Store

        with Store.open(self.bench.folder / ".headrace", read_only=True) as store:
            return len(store.runs(limit=100_000))

    def is_done(self) -> bool:
        """Whether the newest month has been run to its end."""
        from headrace.store import Store

        with Store.open(self.bench.folder / ".headrace", read_only=True) as store:
            newest = store.runs(limit=1)[0]
            spans = [span["name"] for entry in newest.resolved.values() for span in entry.get("spans", ())]
            return newest.state == "succeeded" and spans[-1:] == [name_of(self.month)]

    def look(self) -> list[str]:
        """What is wrong with the store, beside its twin."""
        from headrace.orchestration.digests import store_digests
        from headrace.store import Store

        wrong, self.client.wrong = self.client.wrong, []
        with (
            Store.open(self.bench.folder / ".headrace", read_only=True) as store,
            Store.open(self.twin.folder / ".headrace", read_only=True) as twin,
        ):
            if store_digests(store) != self.digests:
                wrong.append("doctor --digest differs from the undisturbed store")
            runs = store.runs(limit=100_000)
            if len(runs) != self.month - 2:
                wrong.append(f"{len(runs)} runs for {self.month - 2} windows")
            done: collections.Counter[str] = collections.Counter()
            for run in runs:
                done.update(row.key for row in store.attempts(run.run_id) if row.state == "succeeded")
            wrong += [f"key {key[:12]} succeeded {count} times" for key, count in done.items() if count > 1]
            moves = [[(move.version, move.replaced) for move in one.moves("late")] for one in (store, twin)]
            if moves[0] != moves[1]:
                wrong.append(f"endpoint moved: {moves[0]}")
            for number in range(1, self.month - 1):
                ours, theirs = store.endpoint("late", number), twin.endpoint("late", number)
                if ours is None or theirs is None or ours.model_digest != theirs.model_digest:
                    wrong.append(f"version {number} is not the undisturbed one")
        return wrong

    def end(self) -> list[str]:
        """Stop everything; what is wrong then."""
        from headrace.store import Store

        self.client.is_stopping = True
        self.client.join()
        codes = {item.arguments[0]: item.stop() for item in self.kept}
        wrong = [f"{name} ended with {code}" for name, code in codes.items() if code]
        deadline = time.monotonic() + 20
        while self.bench.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        left = [command_of(pid) for pid in self.bench.processes()]
        wrong += [f"left running: {command}" for command in left]
        with Store.open(self.bench.folder / ".headrace", read_only=True) as store:
            wrong += [f"artifact {p.digest[:12]} {p.file}: {p.what}" for p in store.verify()]
        return wrong + self.look_into_log()

    def look_into_log(self) -> list[str]:
        """What was answered and is not in the request log, where no shot explains it."""
        import pyarrow.parquet as pq

        from headrace.serving._segments import settle

        requests = self.bench.folder / ".headrace" / "requests"
        settle(requests)
        known = {
            text
            for file in requests.glob("late/*/*.parquet")
            for text in pq.read_table(file, columns=["request_id"])["request_id"].to_pylist()
        }
        wrong = []
        for identity, asked, answered in self.client.answers:
            if identity not in known:
                # What a worker sent before it was killed may be read a moment after.
                shots = [max(0.0, shot - answered) for shot in self.shots if shot >= asked]
                before = min(shots, default=float("inf"))
                self.lost.append(before)
                if before > 1.0:
                    wrong.append(f"request {identity} was answered and is not in the log: {before:.2f} s before a kill")
        return wrong[:20]


def cases(days: Days, share: int) -> Iterator[dict[str, Any]]:
    """Live one month after another; modes in blocks, so that services are not exchanged each month."""
    wanted = [*WAYS, *(WAYS[number % len(WAYS)] for number in range(max(0, NUM_KILLS // share - len(WAYS))))]
    modes = [mode for mode, _ in WAYS]
    for mode, who in sorted(wanted, key=lambda way: modes.index(way[0])):
        case = days.live(mode, who)
        while not case["killed"]:  # the month was over before: that proves nothing, but must hold too
            yield case
            case = days.live(mode, who)
        yield case


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="100/N kills, each way to die once at least")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    arguments = parser.parse_args()
    started = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="headrace-second-day-") as folder:
        days = Days(Path(folder).resolve(), arguments.seed)
        wrong: list[str] = []
        try:
            for case in cases(days, arguments.share):
                totals.update({"months": 1, "killed": case["killed"], "violations": bool(case["wrong"])})
                print(json.dumps({"proof": "second_day", **case}), flush=True)
        finally:
            wrong = days.end()
            if wrong or totals["violations"]:
                print((days.bench.folder / "messages.txt").read_text()[-5000:], file=sys.stderr)
        summary = {
            "proof": "second_day",
            "summary": True,
            **{name: totals[name] for name in ("months", "killed", "violations")},
            "wrong": wrong,
            "versions": days.month - 2,
            "not_logged": len(days.lost),
            "not_logged_s": round(max(days.lost, default=0.0), 2),
            **{name.replace(" ", "_"): count for name, count in sorted(days.client.counts.items())},
            "seed": arguments.seed,
            "share": arguments.share,
            "seconds": round(time.monotonic() - started),
        }
        print(json.dumps(summary), flush=True)
    raise SystemExit(1 if totals["violations"] or wrong else 0)


if __name__ == "__main__":
    main()
