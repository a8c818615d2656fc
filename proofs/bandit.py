"""Proof: traffic divided by a bandit is decided exactly, learns as well as a known library, and drops a bad version.

1. *Exact.* 20,000 requests over HTTP to two workers, with known rewards, told late, twice and out of order; the
   server is stopped and started again halfway. Every answer's version and propensity are what the published table
   says of its unit, bit for bit, in this process; every published table is what the policy says of the rewards
   recorded with it; the tallies of the logs are, byte for byte, those of a ledger that was fed by this process in
   another order.
2. *Good.* Regret in process beside MABWiser's (`.venvs/bandit`), on the same tables of rewards, updated after every 100
   requests: a stationary problem, one that changes halfway, one whose rewards come 1,000 requests late; 20 seeds.
3. *Safe.* A version that raises, one that is slow, one that answers nonsense, and one that earns less, each pushed
   under load: the time from its first answer until no worker asks it any more, and what clients saw of it.

    python proofs/bandit.py [--share 50] [--seed 1]      --share N: 1/N of the requests and seeds
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parent.parent
NUM_REQUESTS, NUM_SEEDS, CONNECTIONS, WORKERS = 20_000, 20, 8, 2
CHANCES = {1: 0.30, 2: 0.35, 3: 0.20}
MOST_S = 10.0


def features(x: Any) -> dict[str, Any]:
    """A few."""
    from headrace import ops

    return {"delay": ops.z_score(x.delay), "carrier": ops.vocabulary(x.carrier, num_oov=4), "hour": x.hour}


def prepare(home: Path, seed: int) -> tuple[Any, list[bytes]]:
    """A store with version 1 of endpoint `late`; its model, and bodies to ask it with."""
    from headrace.adapters.xgboost.trainer import XGBoost
    from headrace.dataset import Dataset
    from headrace.training import train
    from headrace.transformation import transform

    draw = np.random.default_rng(seed)
    delay = draw.normal(10, 30, 2000)
    table = pa.table(
        {
            "delay": pa.array(delay.tolist()),
            "carrier": pa.array(draw.choice(["AA", "UA", "DL"], 2000).tolist()),
            "hour": pa.array(draw.integers(0, 24, 2000).tolist()),
            "late": pa.array((delay + draw.normal(0, 20, 2000) > 15).tolist()),
        }
    )
    dataset = Dataset.from_arrow(table, label="late")
    model = train(XGBoost(n_estimators=50, max_depth=4), transform(features, dataset), dataset)
    push(home, model)
    rows = table.drop_columns(["late"]).slice(0, 500).to_pylist()
    return model, [json.dumps({"instances": [row]}).encode() for row in rows]


def push(home: Path, model: Any) -> int:
    """Put a model behind the endpoint; what a gate says of it is another proof's."""
    from headrace.rules import Verdict
    from headrace.store import Store

    verdict = Verdict(ok=False, findings=(), model_digest=model.digest, evaluation_digest="0" * 64, rules=())
    with Store.open(home) as store:
        live = store.endpoint("late")
        store.save_artifact(model)
        store.save_artifact(verdict)
        return store.push("late", model.digest, verdict.digest, expected_version=live.version if live else None)


def twin(model: Any, number: int) -> Any:
    """The same model under another digest: a version that answers alike, so that only rewards tell them apart."""
    import onnx

    from headrace.model import Model

    graph = onnx.load_from_string(model.onnx)
    graph.doc_string = f"twin {number}"
    return Model(graph.SerializeToString(), model.signature, golden=model.golden)


@contextmanager
def server(home: Path, **settings: str) -> Iterator[tuple[str, int]]:
    """`headrace serve` with two workers."""
    variables = {f"HEADRACE_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", str(WORKERS), "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(home), "HEADRACE_ALLOCATE_S": "0.5", **variables},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"].removeprefix("http://")
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(60)


class Client:
    """One connection."""

    def __init__(self, address: str) -> None:
        self.connection = HTTPConnection(address, timeout=30)

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any, bytes]:
        """Status, headers, body."""
        self.connection.request("POST", path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()


def earned(version: int, unit: str, seed: int) -> float:
    """The known reward of a version for a unit: 0 or 1, the same for whoever asks."""
    return float(random.Random(f"{seed}/{version}/{unit}").random() < CHANCES[version])


def exact(folder: Path, num_requests: int, seed: int) -> dict[str, Any]:
    """Part 1."""
    from headrace.routing import Allocation, EndpointPolicy, Ledger, Tally, Traffic, allocate, standing_of
    from headrace.serving.traffic import read_ledger
    from headrace.store import Store

    home = folder / "exact"
    model, bodies = prepare(home, seed)
    record = EndpointPolicy("thompson", {"floor": 0.02, "control": 0.1}, window_s=3600.0, is_guarded=False)
    with Store.open(home) as store:
        store.set_policy("late", record.to_plain())
    for number in (2, 3):
        push(home, twin(model, number))
    answers: list[tuple[str, str, str | None, str | None, str, float, float]] = []
    problems: list[str] = []
    lock = threading.Lock()

    def ask(address: str, first: int, last: int) -> None:
        client, mine, waiting = Client(address), [], []
        draw = random.Random(first)
        for number in range(first, last):
            unit = f"passenger {draw.randrange(num_requests // 4)}"
            sent = time.time()
            status, headers, told = client.post(
                "/v1/models/late:predict", bodies[number % len(bodies)], {"headrace-unit": unit}
            )
            if status != 200:
                problems.append(f"status {status}: {told[:100]!r}")
                continue
            version, request_id = headers["headrace-version"], headers["headrace-request-id"]
            table_id, propensity = headers["headrace-table"], headers["headrace-propensity"]
            mine.append((request_id, version, table_id, propensity, unit, sent, time.time()))
            if table_id is not None:
                waiting.append({"request_id": request_id, "reward": earned(int(version), unit, seed)})
            if len(waiting) >= 40:
                draw.shuffle(waiting)
                some, waiting = waiting[:30], waiting[30:]
                for path in ("/rewards", "/v1/models/late:reward")[: 1 + (draw.random() < 0.3)]:  # some are told twice
                    status, _, told = client.post(path, json.dumps({"rewards": some}).encode())
                    if status != 200:
                        problems.append(f"rewards {status}: {told[:100]!r}")
        if waiting:
            status, _, told = client.post("/rewards", json.dumps({"rewards": waiting}).encode())
        with lock:
            answers.extend(mine)

    started = time.monotonic()
    half = num_requests // 2
    for begin in (0, half):  # the server is stopped and started again between
        with server(home) as (address, _):
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:  # the first requests would be answered before there is a table
                if Client(address).post("/v1/models/late:predict", bodies[0])[1]["headrace-table"]:
                    break
                time.sleep(0.1)
            edges = [begin + half * place // CONNECTIONS for place in range(CONNECTIONS + 1)]
            threads = [threading.Thread(target=ask, args=(address, first, last)) for first, last in pairwise(edges)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(3.0)
    taken_s = time.monotonic() - started

    tables = {}
    for line in (home / "requests" / "late" / "tables.jsonl").read_text().splitlines():
        told = json.loads(line)
        tables[told["table_id"]] = told
        rewards = {
            segment: {int(one): Tally.from_plain(plain) for one, plain in tallies.items()}
            for segment, tallies in told["rewards"].items()
        }
        versions = tuple(sorted(int(version) for version in told["digests"]))
        again = allocate(
            record.build(), Traffic(versions, told["champion"], ("all",), rewards), told["time_us"], salt="late"
        )
        if {segment: table.to_plain() for segment, table in again.items()} != told["allocations"]:
            problems.append(f"table {told['table_id']} is not what the policy says of its rewards")
    loaded = {name: Allocation.from_plain(told["allocations"]["all"]) for name, told in tables.items()}
    num_equal = 0
    for _, version, table_id, propensity, unit, _, _ in answers:
        if table_id is None:
            problems.append("an answer without a table")
            continue
        choice = loaded[table_id].choose(unit)
        num_equal += (choice.version, repr(choice.propensity)) == (int(version), propensity)
    with Store.open(home) as store:
        standing = standing_of(store, "late")
        read = read_ledger(store, standing, now_us=int(answers[0][5] * 1e6))
    mine = Ledger(standing.policy)
    random.Random(seed).shuffle(answers)
    for request_id, version, _, _, unit, sent, _ in answers:  # the reward first, in another order
        mine.reward(request_id, earned(int(version), unit, seed), int(sent * 1e6) + 1)
    for request_id, version, _, _, _, sent, _ in answers:
        mine.decide(request_id, int(version), "all", int(sent * 1e6))
    # The two probes at the starts were decisions too, and earned nothing: they are in the log alone.
    probes = {version: tally.num_decided for version, tally in read.tallies()["all"].items()}
    for version, tally in mine.tallies()["all"].items():
        probes[version] -= tally.num_decided
    for place, version in enumerate(version for version, count in probes.items() for _ in range(count)):
        mine.decide(f"probe {place}", version, "all", int(time.time() * 1e6))
    shares = {version: tally.num_decided for version, tally in sorted(read.tallies()["all"].items())}
    if sum(probes.values()) > 200:
        problems.append(f"{sum(probes.values())} decisions are in the log that nobody here asked for")
    return {
        "proof": "bandit",
        "part": "exact",
        "requests": len(answers),
        "workers": WORKERS,
        "restarts": 1,
        "tables": len(tables),
        "decisions_equal": num_equal,
        "same_posterior_bytes": mine.to_bytes() == read.to_bytes(),
        "requests_by_version": shares,
        "rewards": dict(read.counts),
        "requests_per_s": round(len(answers) / taken_s),
        "wrong": [*problems[:5], *([] if num_equal == len(answers) else ["decisions differ"])]
        + ([] if mine.to_bytes() == read.to_bytes() else ["the tallies differ"]),
    }


def problems_of(seed: int, num_steps: int) -> dict[str, tuple[Any, Any, int]]:
    """Problem -> (rewards[step, arm], chances[step, arm], how many steps later a reward is known)."""
    draw = np.random.default_rng(seed)
    arms = np.array([0.30, 0.35, 0.25, 0.45, 0.40])
    still = np.tile(draw.permutation(arms), (num_steps, 1))
    drifting = still.copy()
    drifting[num_steps // 2 :] = drifting[0][::-1] if (drifting[0][::-1] != drifting[0]).any() else drifting[0]
    return {
        name: ((draw.random(chances.shape) < chances).astype(float), chances, delay)
        for name, chances, delay in (("stationary", still, 0), ("drifting", drifting, 0), ("delayed", still, 1000))
    }


def play(name: str, rewards: Any, chances: Any, batch: int, delay: int, seed: int, memory: int) -> float:
    """The regret of one of our policies."""
    from headrace.routing import EndpointPolicy, Ledger, Traffic, allocate

    parameters = {"floor": 0.0, "control": 0.0, **({"epsilon": 0.1} if name == "epsilon_greedy" else {})}
    record = EndpointPolicy(name, parameters, window_s=1e7, memory_s=float(memory))
    policy, ledger = record.build(), Ledger(record)
    versions = tuple(range(1, rewards.shape[1] + 1))
    chosen: list[int] = []
    told = 0
    for start in range(0, len(rewards), batch):
        for step in range(told, max(told, start - delay)):
            ledger.reward(str(step), float(rewards[step, chosen[step] - 1]), step * 1_000_000)
        told = max(told, start - delay)
        if memory:
            ledger.tallies(start * 1_000_000)
        traffic = Traffic(versions, 1, ("all",), ledger.tallies())
        table = allocate(policy, traffic, 0, salt=f"seed {seed}")["all"]
        steps = range(start, min(start + batch, len(rewards)))
        found = table.choose_all(pa.array([f"unit {step}" for step in steps])).tolist()
        for step, version in zip(steps, found, strict=True):
            ledger.decide(str(step), version, "all", step * 1_000_000)
        chosen += found
    picked = chances[np.arange(len(chosen)), np.array(chosen) - 1]
    return float((chances.max(axis=1) - picked).sum())


def good(folder: Path, num_seeds: int, num_steps: int, only: str | None) -> Iterator[dict[str, Any]]:
    """Part 2. What is judged has MABWiser's own settings; a memory, which it lacks, is shown beside."""
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "bandit"], check=True)
    python = ROOT / ".venvs" / "bandit" / "bin" / "python"
    batch = 100
    ours: dict[tuple[str, str], list[float]] = {}
    theirs: dict[tuple[str, str], list[float]] = {}
    remembered: dict[tuple[str, str], list[float]] = {}
    for seed in range(num_seeds):
        for problem, (rewards, chances, delay) in problems_of(seed, num_steps).items():
            if only not in (None, problem):
                continue
            files = []
            for what, values in (("rewards", rewards), ("chances", chances)):
                files.append(str(folder / f"{what}.npy"))
                np.save(files[-1], values)
            done = subprocess.run(
                [str(python), str(ROOT / "proofs" / "_bandits.py"), ",".join(files), str(batch), str(delay), str(seed)],
                capture_output=True,
                text=True,
                check=True,
            )
            for name, regret in json.loads(done.stdout).items():
                theirs.setdefault((problem, name), []).append(regret)
                ours.setdefault((problem, name), []).append(play(name, rewards, chances, batch, delay, seed, 0))
                if problem == "drifting":
                    short = play(name, rewards, chances, batch, delay, seed, num_steps // 4)
                    remembered.setdefault((problem, name), []).append(short)
    for key, mine in ours.items():
        yours = theirs[key]
        error = math.sqrt(float(np.var(mine) + np.var(yours)) / max(1, len(mine) - 1))
        is_worse = float(np.mean(mine)) > 1.1 * float(np.mean(yours)) + 3 * error
        yield {
            "proof": "bandit",
            "part": "regret",
            "problem": key[0],
            "policy": key[1],
            "seeds": len(mine),
            "steps": num_steps,
            "ours": round(float(np.mean(mine)), 1),
            "mabwiser": round(float(np.mean(yours)), 1),
            "standard_error_of_difference": round(error, 1),
            **({"ours_with_memory": round(float(np.mean(remembered[key])), 1)} if key in remembered else {}),
            "wrong": ["more regret than MABWiser"] if is_worse else [],
        }


def safe(folder: Path, fault: str, seed: int) -> dict[str, Any]:
    """Part 3, one fault."""
    from headrace.routing import EndpointPolicy, standing_of
    from headrace.store import Store
    from headrace.testing.spoiled import MARK, spoil

    home = folder / fault
    model, bodies = prepare(home, seed)
    marked = [json.dumps({"instances": [{**json.loads(b)["instances"][0], "delay": MARK}]}).encode() for b in bodies]
    record = EndpointPolicy("canary", {"share": 0.2}, window_s=600.0)
    with Store.open(home) as store:
        store.set_policy("late", record.to_plain())
    seen: list[tuple[float, int, str, float, str | None]] = []
    stop = threading.Event()

    def ask(address: str, place: int) -> None:
        client, draw, waiting = Client(address), random.Random(place), []
        while not stop.is_set():
            some = marked if draw.random() < 0.3 else bodies
            sent = time.monotonic()
            status, headers, _ = client.post("/v1/models/late:predict", draw.choice(some))
            version = headers["headrace-version"]
            seen.append((time.monotonic(), status, version, time.monotonic() - sent, headers["headrace-table"]))
            if fault == "inverted" and headers["headrace-table"]:
                reward = float(draw.random() < (0.6 if version == "1" else 0.1))
                waiting.append({"request_id": headers["headrace-request-id"], "reward": reward})
                if len(waiting) >= 20:
                    client.post("/rewards", json.dumps({"rewards": waiting}).encode())
                    waiting = []

    with server(home) as (address, _):
        threads = [threading.Thread(target=ask, args=(address, place)) for place in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        time.sleep(3.0)
        pushed = time.monotonic()
        version = push(home, spoil(model, fault))  # type: ignore[arg-type]
        deadline = time.monotonic() + 40
        with Store.open(home) as store:
            while version not in standing_of(store, "late").withdrawn and time.monotonic() < deadline:
                time.sleep(0.05)
            withdrawn = time.monotonic()
            time.sleep(3.0)
            moves = [move for move in store.moves("late") if move.action == "withdraw"]
            alerts = [event.body for event in store.events() if event.kind == "alert"]
        stop.set()
        for thread in threads:
            thread.join()
    asked = [row for row in seen if row[0] > pushed]
    tables = [row[4] for row in asked]
    # A version that fails shows only in the table that names it: its answers are the champion's.
    first = next((row[0] for row in asked if row[4] != tables[0]), pushed)
    answered = [row[0] for row in seen if row[2] == str(version)]
    last = max([withdrawn, *answered])
    out_s = last - (min(answered) if answered else first)
    failed = sum(row[1] != 200 for row in seen)
    wrong = []
    if not moves:
        wrong.append("it was not taken out")
    if out_s > MOST_S:
        wrong.append(f"it took {out_s:.1f} s")
    if failed:
        wrong.append(f"{failed} requests failed")
    if not any(alert.get("version") == version for alert in alerts):
        wrong.append("no alert")
    return {
        "proof": "bandit",
        "part": "a bad version under load",
        "fault": fault,
        "requests": len(seen),
        "failed": failed,
        "answered_by_it": len(answered),
        "seconds_until_out": round(out_s, 2),
        "reason": moves[-1].reason if moves else None,
        "wrong": wrong,
    }


def main() -> int:
    """Print one JSON line a part; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, metavar="N", help="1/N of the requests and seeds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("exact", "good", "safe"))
    parser.add_argument("--problem", choices=("stationary", "drifting", "delayed"))
    arguments = parser.parse_args()
    found: list[dict[str, Any]] = []

    def tell(line: dict[str, Any]) -> None:
        found.append(line)
        print(json.dumps(line), flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.part in (None, "exact"):
            tell(exact(folder, max(400, NUM_REQUESTS // arguments.share), arguments.seed))
        if arguments.part in (None, "safe"):
            for fault in ("fails", "slow", "wild", "inverted"):
                tell(safe(folder, fault, arguments.seed))
        if arguments.part in (None, "good"):
            num_steps = 10_000 if arguments.share < 5 else 3_000
            for line in good(folder, max(2, NUM_SEEDS // arguments.share), num_steps, arguments.problem):
                tell(line)
    return 1 if any(line["wrong"] for line in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
