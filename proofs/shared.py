"""Proof: two machines share one PostgreSQL, and kill -9 of any process loses nothing and does nothing twice.

Two projects, each with a home of its own, share records (a PostgreSQL server that the proof starts) and a folder of
artifacts. In each run `headrace up --no-execute` and `headrace worker`, so that two schedulers see every month that
arrives, and two workers take what either of them queues. Where the kernel allows it (`unshare`) the processes of the
second have another host name: then no process id tells whether the other machine's live, and leases decide by age.
Each month one process is killed at a random moment (50 times): a scheduler, a worker, the zygote that forks steps or
the process of a step, on either machine. Whoever keeps services running starts schedulers and workers again; a step
that is killed itself has failed, and a person resumes its run, on either machine.

After each month: there is one run of it, started once; each of its steps was committed once; the store is, by
`doctor --digest`, that of an undisturbed project with records in SQLite; the endpoint has the same versions, in order;
no run and no attempt says "running". At last every artifact has its bytes, the records are sound and no process is
left. One JSON line a month, the last one sums up.

    python proofs/shared.py [--share 50] [--seed 1]      --share N: 50/N kills
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kill import Bench
from second_day import PIPELINE, Kept, arrive, command_of, name_of

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.servers import postgres  # of this checkout, found by the line above

NUM_KILLS = 50
TIMEOUT_S = 180.0
WAYS = [(who, machine) for who in ("up", "worker", "step", "zygote") for machine in (0, 1)]
ZYGOTE = "headrace.orchestration.zygote"


class Machine(Bench):
    """A project whose processes see themselves on a host of this name; "" = on this one."""

    host = ""

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`headrace ...` in the project, as if on that host."""
        command = [sys.executable, "-m", "headrace.cli", *arguments]
        if self.host:
            command = ["unshare", "--uts", "sh", "-c", f'hostname {self.host} && exec "$@"', "sh", *command]
        with (self.folder / "messages.txt").open("a") as messages:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
            )


class Shared:
    """Two machines on one server, disturbed; and a project that nobody disturbs."""

    def __init__(self, folder: Path, uri: str, seed: int) -> None:
        self.twin = Bench(folder)
        self.choose = random.Random(seed)
        self.month = 3
        self.resumed: collections.Counter[str] = collections.Counter()
        self.twin.folder.joinpath("five.py").write_text(PIPELINE)
        for month in (1, 2, 3):
            arrive(self.twin.folder, month)
        has_hosts = subprocess.run(["unshare", "--uts", "hostname", "b"], capture_output=True).returncode == 0
        self.machines: list[Machine] = []
        for name in "ab":
            machine = copy.copy(self.twin)
            machine.__class__ = Machine
            machine.folder = folder / name
            machine.host = f"machine-{name}" if has_hosts else ""  # type: ignore[attr-defined]
            machine.folder.mkdir()
            for file in ("five.py", "schema.yaml"):
                (machine.folder / file).write_bytes((self.twin.folder / file).read_bytes())
            (machine.folder / "headrace.toml").write_text(
                f'records = "{uri}"\nartifacts = "{folder / "shared"}"\nworkers = 2\npoll_s = 0.1\nlease_s = 3\n'
            )
            self.machines.append(machine)  # type: ignore[arg-type]
        # Both machines see the same files, as through a network.
        (self.machines[0].folder / "data").mkdir()
        (self.machines[1].folder / "data").symlink_to(self.machines[0].folder / "data")
        for month in (1, 2, 3):
            arrive(self.machines[0].folder, month)
        self.seconds, self.digests = self.twin.run_whole()
        self.kept = [
            (number, Kept(machine, *command))
            for number, machine in enumerate(self.machines)
            for command in (("up", "--no-execute", "--no-web"), ("worker",))
        ]
        self.is_first = True

    def open(self) -> Any:
        """The shared store, to be read."""
        from headrace.store import Store

        return Store.open(self.machines[0].folder / ".headrace", read_only=True)

    def victims(self, who: str, number: int) -> list[int]:
        """The living processes of a machine that go by that name."""
        machine = self.machines[number]
        if who in ("up", "worker"):
            own = [item.process for at, item in self.kept if at == number and item.arguments[0] == who]
            return [process.pid for process in own if process.poll() is None]
        zygotes = [pid for pid in machine.processes() if ZYGOTE in command_of(pid)]
        # A zygote's children are forks of it, and look like it.
        forked = [pid for pid in zygotes if _parent(pid) in zygotes]
        return forked if who == "step" else [pid for pid in zygotes if pid not in forked]

    def wait(self, condition: Callable[[], bool], what: str) -> list[str]:
        """Wait, services kept; what it was waited for when it was in vain."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            for _, item in self.kept:
                item.tend()
            if time.monotonic() > deadline:
                return [f"waited in vain for {what}"]
            time.sleep(0.05)
        return []

    def settle(self) -> list[str]:
        """Wait until the newest month has been run to its end, and nobody works any more."""
        from headrace.errors import StoreError

        def is_done() -> bool:
            try:
                with self.open() as store:
                    newest = store.runs(limit=1)
                    if not newest or newest[0].state in ("queued", "running"):
                        return False
                    spans = [span["name"] for entry in newest[0].resolved.values() for span in entry.get("spans", ())]
                    return spans[-1:] == [name_of(self.month)]
            except StoreError:  # at first: no home has begun
                return False

        wrong = self.wait(is_done, f"{name_of(self.month)} to be run")
        with self.open() as store:
            newest = store.runs(limit=1)
        if newest and newest[0].state == "failed":  # a step that was killed itself has failed, until a person says else
            self.resumed[newest[0].run_id] += 1
            machine = self.choose.choice(self.machines)
            code, _ = machine.call("resume", newest[0].run_id)
            wrong += [f"resume ended with {code}"] if code else []
        return wrong

    def live(self, who: str, number: int) -> dict[str, Any]:
        """One month: it arrives, somebody is killed, and it is made good."""
        seen = 0
        # The other machine may have ended the run before the service that was killed was missed.
        down = self.wait(lambda: all(item.process.poll() is None for _, item in self.kept), "all services to be up")
        if not self.is_first:  # the first three months are there, and nobody has run them
            self.month += 1
            arrive(self.twin.folder, self.month)
            self.seconds, self.digests = self.twin.run_whole()
            with self.open() as store:
                seen = store.newest_event_id()
        # Schedulers and workers are there before and after the run; steps as long as it lasts.
        moment_s = self.choose.uniform(0, (1.5 if who in ("up", "worker") else 0.8) * self.seconds + 0.5)
        if not self.is_first:
            arrive(self.machines[0].folder, self.month)
        self.is_first = False
        start, victim = time.monotonic(), 0
        while not victim and time.monotonic() - start < moment_s + TIMEOUT_S:
            if time.monotonic() - start >= moment_s:
                found = self.victims(who, number)
                if not found and who in ("step", "zygote"):  # wherever the run is
                    found = self.victims(who, 1 - number)
                    number = 1 - number if found else number
                if found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(found[0], signal.SIGKILL)
                        victim = found[0]
                elif self.is_over(seen):
                    break  # of a step there is none any more
            time.sleep(0.01)
        died = time.monotonic()
        wrong = down + self.settle()
        facts = {"month": name_of(self.month), "who": who, "machine": number, "moment_s": round(moment_s, 3)}
        back_s = round(time.monotonic() - died, 2)
        return {**facts, "killed": victim > 0, "back_s": back_s, "wrong": wrong + self.look()}

    def is_over(self, seen: int) -> bool:
        """Whether a run has ended since that event."""
        from headrace.errors import StoreError

        try:
            with self.open() as store:
                return any(event.kind == "run-finished" for event in store.events(after=seen))
        except StoreError:  # at first: no home has begun
            return False

    def look(self) -> list[str]:
        """What is wrong with the store, beside its twin."""
        from headrace.orchestration.digests import store_digests
        from headrace.store import Store

        wrong = []
        with self.open() as store, Store.open(self.twin.folder / ".headrace", read_only=True) as twin:
            if store_digests(store) != self.digests:
                wrong.append("doctor --digest differs from the undisturbed store")
            runs = store.runs(limit=100_000)
            if len(runs) != self.month - 2:
                wrong.append(f"{len(runs)} runs for {self.month - 2} windows")
            keys: collections.Counter[str] = collections.Counter()
            for run in runs:
                rows = store.attempts(run.run_id)
                keys.update(row.key for row in rows if row.state == "succeeded")
                ended = collections.Counter(row.step for row in rows if row.state in ("succeeded", "cached"))
                wrong += [f"run {run.run_id}, step {step}: committed {n} times" for step, n in ended.items() if n > 1]
                left = {step["name"] for step in run.plan["steps"]} - set(ended)
                idle = {step["name"] for step in run.plan["steps"] if step["call"] in ("previous", "champion")}
                wrong += [f"run {run.run_id}, step {step}: never committed" for step in sorted(left - idle)]
                wrong += [f"attempt {row.attempt_id} still says running" for row in rows if row.state == "running"]
                wrong += [f"run {run.run_id} says {run.state}"] if run.state != "succeeded" else []
                kinds = [event.kind for event in store.events(run.run_id)]
                wanted = {"run-created": 1, "run-finished": 1 + self.resumed[run.run_id]}
                counted = {kind: kinds.count(kind) for kind in wanted}
                wrong += [f"run {run.run_id}: {counted}"] if counted != wanted else []
            wrong += [f"key {key[:12]} succeeded {count} times" for key, count in keys.items() if count > 1]
            moves = [[(move.version, move.replaced) for move in one.moves("late")] for one in (store, twin)]
            if moves[0] != moves[1]:
                wrong.append(f"endpoint moved: {moves[0]}, not {moves[1]}")
        return wrong

    def end(self) -> list[str]:
        """Stop everything; what is wrong then."""
        codes = [(number, item.arguments[0], item.stop()) for number, item in self.kept]
        wrong = [f"{name} {number} ended with {code}" for number, name, code in codes if code]
        deadline = time.monotonic() + 20
        while any(machine.processes() for machine in self.machines) and time.monotonic() < deadline:
            time.sleep(0.05)
        wrong += [f"left running: {command_of(pid)}" for machine in self.machines for pid in machine.processes()]
        with self.open() as store:
            wrong += [f"artifact {p.digest[:12]} {p.file}: {p.what}" for p in store.verify()]
            wrong += [f"records: {what}" for what in store.check_records()]
        return wrong


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="50/N kills")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    arguments = parser.parse_args()
    try:
        postgres.find("initdb")
    except FileNotFoundError as error:
        print(json.dumps({"proof": "shared", "skipped": f"PostgreSQL is not here: {error}"}), flush=True)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and all that was started with it
    started = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    with postgres.started() as uri, tempfile.TemporaryDirectory(prefix="headrace-shared-") as folder:
        shared = Shared(Path(folder).resolve(), uri, arguments.seed)
        wrong: list[str] = []
        waits: list[float] = []
        choose = random.Random(arguments.seed)
        order = [WAYS[number % len(WAYS)] for number in range(max(1, NUM_KILLS // arguments.share))]
        choose.shuffle(order)
        try:
            for who, number in order:
                case = shared.live(who, number)
                while not case["killed"]:  # there was none to kill: that proves nothing, but must hold too
                    totals.update({"months": 1, "violations": bool(case["wrong"])})
                    print(json.dumps({"proof": "shared", **case}), flush=True)
                    case = shared.live(who, number)
                totals.update({"months": 1, "killed": 1, who: 1, "violations": bool(case["wrong"])})
                waits.append(case["back_s"])
                print(json.dumps({"proof": "shared", **case}), flush=True)
        finally:
            wrong = [*wrong, *shared.end()]
            if wrong or totals["violations"]:
                for machine in shared.machines:
                    print((machine.folder / "messages.txt").read_text()[-5000:], file=sys.stderr)
        with shared.open() as store:
            taken = len(store.events_of("run-taken", limit=1_000_000))
            lost = len(store.events_of("attempt-lost", limit=1_000_000))
        summary = {
            "proof": "shared",
            "summary": True,
            **{name: totals[name] for name in ("months", "killed", "up", "worker", "step", "zygote", "violations")},
            "wrong": wrong,
            "hosts": len({machine.host for machine in shared.machines}),
            "runs_taken": taken,
            "attempts_lost": lost,
            "resumed": sum(shared.resumed.values()),
            "longest_back_s": max(waits, default=0.0),
            "seed": arguments.seed,
            "share": arguments.share,
            "seconds": round(time.monotonic() - started),
        }
        print(json.dumps(summary), flush=True)
    raise SystemExit(1 if totals["violations"] or wrong else 0)


if __name__ == "__main__":
    main()
