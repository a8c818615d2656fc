"""Proof: SIGKILL at any moment loses nothing, duplicates nothing, and leaves a run that `headrace resume` finishes.

A pipeline of five steps over 3 x 2,000 rows is run, killed, and resumed until it is done; each case starts from an
empty store. Killed are the runner, a worker (the process of a step) and the zygote that forks them:

    at each named point of the commit protocol (`headrace.store.points`), each time it is passed;
    at 200 random moments.

After each: resume ends with 0; `doctor --digest` is that of an undisturbed run; no step key succeeded twice, so no
finished step ran again; the endpoint has one version, moved there once; every artifact has its bytes; no process is
left. One JSON line a case, the last one sums up. The source is copied first: editing it meanwhile changes nothing.

    python proofs/kill.py [--share 50] [--seed 1]      --share N: each named point once, 1/N of the random moments
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NUM_MOMENTS = 200
WORKERS_POINTS = ("outputs-staged", "files-synced", "manifest-written", "published-first-artifact", "published")
WORKERS_POINTS += ("before-commit", "after-commit", "before-push", "after-push")

PIPELINE = '''
"""Five steps, from rows to an endpoint, without waiting for a trainer."""

import headrace as hr


@hr.step
def fit(examples):
    """A model that says the same to every row: a trainer would only take time."""
    from headrace.model.trees import Tree, add_tree_ensemble
    from headrace.training import Predictor, assemble

    class Constant(Predictor):
        task = "binary"

        def build(self, builder, features):
            margin = add_tree_ensemble(builder, features, [Tree.constant(0.25)], rule="<", num_features=1)
            return {"margin": margin, "prediction": builder.node("Sigmoid", [margin])}

    graph = hr.transform(lambda x: {"x": x.x}, examples)
    return assemble(graph, Constant(), label="late", sample=examples.to_arrow(columns=["x"]).slice(0, 50))


@hr.step
def judge(model, examples):
    """A verdict that says yes."""
    report = hr.evaluate(model, examples, metrics=["brier"])
    return hr.gate(model, report, rules=["brier <= 1"])


@hr.pipeline
def five():
    raw = hr.ingest("data/{span}.parquet", label="late", key=["id"], split={"train": 8, "eval": 2})
    examples = hr.validate(raw, hr.load_schema("schema.yaml"), previous=hr.previous(raw)).accepted
    model = fit(examples)
    hr.push(model, judge(model, examples), endpoint="late")
'''

SCHEMA = """format: 1
features:
  - {name: id, kind: integer, min_present: 1.0}
  - {name: x, kind: number}
  - {name: carrier, kind: text}
  - {name: late, kind: boolean}
"""


def make_project(folder: Path) -> None:
    """Three months of 2,000 made-up rows, a schema and the pipeline."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    for month in range(3):
        random_ = np.random.default_rng(month)
        x = random_.normal(size=2000)
        columns = {
            "id": np.arange(month * 2000, (month + 1) * 2000),
            "x": pa.array(x, mask=random_.random(2000) < 0.05),
            "carrier": random_.choice(["AA", "DL", "UA"], 2000),
            "late": x > 0,
        }
        pq.write_table(pa.table(columns), folder / "data" / f"2013-{month + 1:02d}.parquet")
    (folder / "five.py").write_text(PIPELINE)
    (folder / "schema.yaml").write_text(SCHEMA)
    (folder / "headrace.toml").write_text('home = ".headrace"\nworkers = 2\n')


class Bench:
    """One project, run again and again from an empty store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.source = folder / "src"
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        make_project(self.folder)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self.environment = {**clean, "PYTHONPATH": str(self.source)}
        sys.path.insert(0, str(self.source))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`headrace ...` in the project; its messages go to a file."""
        with (self.folder / "messages.txt").open("a") as messages:
            return subprocess.Popen(
                [sys.executable, "-m", "headrace.cli", *arguments],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
            )

    def call(self, *arguments: str) -> tuple[int, str]:
        """The same, waited for: exit code and standard output."""
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out

    def empty(self) -> None:
        """Forget the store."""
        shutil.rmtree(self.folder / ".headrace", ignore_errors=True)
        (self.folder / "messages.txt").unlink(missing_ok=True)
        (self.folder / "count").unlink(missing_ok=True)

    def undisturbed(self) -> None:
        """Learn what a whole run makes, and how long it takes."""
        self.call("run", "five.py")  # compiles the source
        self.empty()
        self.seconds, _ = self.run_whole()
        self.digest = self.call("doctor", "--digest")[1]

    def run_whole(self) -> tuple[float, Any]:
        """A run that nobody disturbs: how long it took, and the digests of the store after it."""
        from headrace.orchestration.digests import store_digests
        from headrace.store import Store

        start = time.monotonic()
        if self.call("run", "five.py")[0] != 0:
            raise SystemExit((self.folder / "messages.txt").read_text())
        seconds = time.monotonic() - start
        with Store.open(self.folder / ".headrace", read_only=True) as store:
            return seconds, store_digests(store)

    def finish(self) -> tuple[int, list[str]]:
        """Resume until it is done; how often it took, and everything that is not as it must be."""
        wrong: list[str] = []
        count, code = 0, 1
        while code != 0 and count < 3:
            count += 1
            code, _ = self.call("resume")
            if code in (2, 4) and not self.has_run():
                code, _ = self.call("run", "five.py")  # killed before there was a run
        if code != 0:
            return count, [f"resume ended with {code}: {(self.folder / 'messages.txt').read_text()[-2000:]}"]
        if self.call("doctor", "--digest")[1] != self.digest:
            wrong.append("doctor --digest differs from an undisturbed run")
        return count, wrong + self.look()

    def has_run(self) -> bool:
        """Whether the store has recorded a run."""
        from headrace.errors import StoreError
        from headrace.store import Store

        try:
            with Store.open(self.folder / ".headrace", create=False) as store:
                return bool(store.runs())
        except StoreError:
            return False

    def look(self) -> list[str]:
        """What is wrong with the store and the processes."""
        from headrace.store import Store

        wrong = []
        with Store.open(self.folder / ".headrace", create=False) as store:
            done: collections.Counter[str] = collections.Counter()
            for run in store.runs():
                done.update(row.key for row in store.attempts(run.run_id) if row.state == "succeeded")
                if run.state == "running":
                    wrong.append(f"run {run.run_id} still says running")
            wrong += [f"key {key[:12]} succeeded {count} times" for key, count in done.items() if count > 1]
            wrong += [f"artifact {p.digest[:12]} {p.file}: {p.what}" for p in store.verify()]
            if [(move.version, move.replaced) for move in store.moves("late")] != [(1, None)]:
                wrong.append(f"endpoint moved: {store.moves('late')}")
        left = self.processes()
        if left:
            wrong.append(f"processes left: {left}")
        return wrong

    def processes(self) -> list[int]:
        """Living processes that work in the project."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX" and (entry / "cwd").readlink() == self.folder:
                    found.append(int(entry.name))
        return found

    def at_point(self, point: str, count: int, who: str) -> dict[str, Any]:
        """Kill the runner, or the worker, when anyone reaches a named point for the count-th time."""
        self.empty()
        counter = str(self.folder / "count")
        process = self.start(
            "run",
            "five.py",
            HEADRACE_KILL_AT=f"{point}:{count}",
            HEADRACE_KILL_WHO=who,
            HEADRACE_KILL_COUNTER=counter,
        )
        process.communicate(timeout=120)
        passed = Path(counter).stat().st_size if Path(counter).exists() else 0
        case = {"kind": "point", "point": point, "count": count, "who": who, "killed": passed >= count}
        return {**case, "code": process.returncode}

    def at_moment(self, moment_s: float, who: str, choose: random.Random) -> dict[str, Any]:
        """Kill the runner, the zygote or some worker so long after the start."""
        self.empty()
        start = time.monotonic()
        process = self.start("run", "five.py")
        time.sleep(max(0.0, start + moment_s - time.monotonic()))
        killed = False
        while process.poll() is None and not killed:
            zygotes = children(process.pid)
            workers = [pid for zygote in zygotes for pid in children(zygote)]
            victims = {"runner": [process.pid], "zygote": zygotes, "worker": workers}[who]
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(choose.choice(victims), signal.SIGKILL)
                    killed = True
            else:
                time.sleep(0.002)  # none is there yet: the next one
        process.communicate(timeout=120)
        moment = {"kind": "moment", "moment_s": round(moment_s, 4), "who": who}
        return {**moment, "killed": killed, "code": process.returncode}


def children(pid: int) -> list[int]:
    """The living children of a process."""
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cases(bench: Bench, share: int, choose: random.Random) -> Iterator[dict[str, Any]]:
    """Kill in one way after another."""
    from headrace.store import points

    for point in points.NAMES:
        for who in ("runner", "worker"):
            if who == "worker" and point not in WORKERS_POINTS:
                continue  # only the runner passes it
            for count in range(1, 100):
                case = bench.at_point(point, count, who)
                if not case["killed"] and count > 1:
                    break  # it is passed less often than that
                yield case
                if share > 1:
                    break
    for number in range(NUM_MOMENTS // share):
        who = ("runner", "worker", "runner", "worker", "zygote")[number % 5]
        case = bench.at_moment(choose.uniform(0, bench.seconds), who, choose)
        while not case["killed"]:  # the run was over before: that proves nothing
            case = bench.at_moment(choose.uniform(0, bench.seconds), who, choose)
        yield case


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="do 1/N of the random moments, each named point once")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    arguments = parser.parse_args()
    started = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="headrace-kill-") as folder:
        bench = Bench(Path(folder))
        bench.undisturbed()
        for case in cases(bench, arguments.share, random.Random(arguments.seed)):
            resumed, wrong = bench.finish()
            if case["kind"] == "point" and not case["killed"]:
                wrong.append("the point was never reached")
            totals.update({"cases": 1, case["kind"]: 1, "killed": case["killed"], "wrong": bool(wrong)})
            print(json.dumps({"proof": "kill", **case, "resumed": resumed, "wrong": wrong}), flush=True)
        summary = {
            "proof": "kill",
            "summary": True,
            "cases": totals["cases"],
            "points": totals["point"],
            "moments": totals["moment"],
            "killed": totals["killed"],
            "violations": totals["wrong"],
            "run_s": round(bench.seconds, 2),
            "seed": arguments.seed,
            "share": arguments.share,
            "seconds": round(time.monotonic() - started),
        }
        print(json.dumps(summary), flush=True)
    raise SystemExit(1 if totals["wrong"] else 0)


if __name__ == "__main__":
    main()
