"""Row `pages`: pages of a project with 1,000 runs of 12 steps, over a real socket: the median and the slowest of many.

Its runs are copies of one that happened, with attempts, results, inputs and plans as they are; the limit that each page
is compared with is ours: 100 ms.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _lines import line, options

CASE = "pages"
LIMIT_MS = 100.0
PIPELINE = """
import headrace as hr


@hr.step
def first(number: int) -> int:
    print("so it begins")
    return number


@hr.step
def follow(number: int, place: int) -> int:
    return number + place


@hr.pipeline
def chain(number: int = 1):
    value = first(number)
    for place in range(11):
        value = follow(value, place)
"""


def make(folder: Path, num_runs: int) -> tuple[str, str]:
    """A store with so many runs; the ids of the newest, and of the one that happened."""
    from headrace.orchestration import load_pipeline
    from headrace.orchestration.runner import run_pipeline
    from headrace.store import Staged, Store

    (folder / "headrace.toml").write_text('home = ".headrace"\n')
    (folder / "chain.py").write_text(PIPELINE)
    first = run_pipeline(load_pipeline(folder / "chain.py"), {})
    with Store.open(folder / ".headrace") as store:
        run = store.run(first.run_id)
        tried = store.attempts(first.run_id)
        for number in range(num_runs - 1):
            pipeline = "chain" if number % 4 else f"chain_{number // 4 % 20}"
            copy = store.create_run(pipeline, run.plan, resolved=run.resolved, plan_id=run.plan_id)
            for row in tried:
                attempt = store.begin_attempt(copy, row.step, f"{row.key[:-6]}{number:06d}", inputs=row.inputs)
                staged = {name: Staged(item.kind, item.digest) for name, item in row.outputs.items()}
                store.commit(attempt, staged, row.result or {}, f"{row.key[:-6]}{number:06d}")
            store.finish_run(copy, "succeeded" if number % 9 else "failed")
        return str(store.runs(pipeline="chain", limit=1)[0].run_id), first.run_id


def cpu_ms(pid: int) -> float:
    """Processor time of a process so far: what a page costs, however busy the machine is."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000.0 / os.sysconf("SC_CLK_TCK")


def measure(connection: http.client.HTTPConnection, path: str, times: int) -> list[float]:
    """Milliseconds of each of so many requests."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", path, headers={"Accept": "text/html"})
        answer = connection.getresponse()
        body = answer.read()
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or not body:
            raise SystemExit(f"{path}: {answer.status} {body[:300]!r}")
    return taken


def main() -> None:
    """Build the store, serve it, ask."""
    arguments = options(CASE)
    num_runs, times = (30, 5) if arguments.tiny else (1000, 50)
    # In memory where there is such a place: making 12,000 attempts is no part of what is measured.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as text:
        folder = Path(text)
        run, happened = make(folder, num_runs)
        errors = (folder / "up.txt").open("w+")
        server = subprocess.Popen(
            [sys.executable, "-m", "headrace.web.server", str(os.getpid())],
            cwd=folder,
            env={**os.environ, "HEADRACE_WEB_PORT": "0", "HEADRACE_HOME": str(folder / ".headrace")},
            stderr=errors,
        )
        try:
            deadline = time.monotonic() + 60
            while not (found := re.search(r"pages at http://([\d.]+):(\d+)", (folder / "up.txt").read_text())):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((folder / "up.txt").read_text())
                time.sleep(0.05)
            connection = http.client.HTTPConnection(found[1], int(found[2]))
            pages = {
                "overview": "/",
                "50 runs": "/runs",
                "50 runs, 900 down": f"/runs?offset={num_runs - 60 if num_runs > 100 else 0}",
                "grid": "/grid",
                "run": f"/runs/{run}",
                "step": f"/runs/{happened}/steps/first",
                "log": f"/runs/{happened}/steps/first/log",
                "data": "/data?kind=value",
                "pipelines": "/pipelines",
                "runs as JSON": "/runs.json",
            }
            for path in pages.values():
                measure(connection, path, 3)
            for name, path in pages.items():
                before = cpu_ms(server.pid)
                taken = measure(connection, path, times)
                cpu = (cpu_ms(server.pid) - before) / times
                middle, slowest = sorted(taken)[len(taken) // 2], max(taken)
                note = f"{num_runs} runs of 12 steps; slowest of {times}: {slowest:.0f} ms; processor time {cpu:.0f} ms"
                line(CASE, name, "ms", middle, "limit", LIMIT_MS, note=note)
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
