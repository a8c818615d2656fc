"""Proof: SIGKILL while rows come in, from every source and stream: none is lost, none is there twice, none half.

Numbered rows are ingested by a pipeline that is killed at a random moment (its runner, or the process of a step), 30
times for each source, and finished by `headrace resume`, or by `headrace run` where there was no run yet. After each:
the data set holds every number once, in its order; `doctor --digest` is that of an undisturbed run; no step key
succeeded twice; the store is clean and no process is left. One JSON line a kill, one a source, one for all.

    python proofs/ingest.py [--share 50] [--seed 1] [--only postgres]      --share N: 30/N kills each, at least one

To add a source: a function in `CASES` that starts what it needs, and yields something with `undisturbed()`, which
learns what is right and sets `seconds`, and `trial(moment_s, choose)`, which kills once and says what came of it.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from kill import ROOT, Bench, children

NUM_KILLS = 30
SPANS = ("2013-01", "2013-02", "2013-03")
SPAN_ROWS = 10_000

sys.path.insert(0, str(ROOT))  # tests.servers starts the real servers

PIPELINE = '''
"""Numbered rows, ingested and analysed."""

import headrace as hr


@hr.pipeline
def numbered():
    raw = hr.ingest({source}, label="late", key=["number"], split={{"train": 8, "eval": 2}})
    hr.analyze(raw)
'''


class Trials(Protocol):
    """What a case yields."""

    seconds: float

    def undisturbed(self) -> None: ...

    def trial(self, moment_s: float, choose: random.Random) -> dict[str, Any]: ...


def numbered(index: int) -> pa.Table:
    """The rows of one span; the numbers go on from span to span."""
    made = np.random.default_rng(index)
    x = made.normal(size=SPAN_ROWS)
    return pa.table(
        {
            "number": np.arange(index * SPAN_ROWS, (index + 1) * SPAN_ROWS),
            "x": pa.array(x, mask=made.random(SPAN_ROWS) < 0.05),
            "carrier": made.choice(["AA", "DL", "UA"], SPAN_ROWS),
            "late": x > 0,
        }
    )


def all_rows() -> pa.Table:
    """All spans as one table, each row with the name of its span."""
    tables = [numbered(i).append_column("month", pa.array([name] * SPAN_ROWS)) for i, name in enumerate(SPANS)]
    return pa.concat_tables(tables)


class BatchTrials(Bench):
    """A pipeline over numbered rows, run again and again from an empty store."""

    def __init__(self, folder: Path, source: str, **environment: str) -> None:
        self.folder = folder / "project"
        self.source = folder / "src"
        shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self.environment = {**clean, "PYTHONPATH": str(self.source), **environment}
        self.folder.mkdir(exist_ok=True)
        (self.folder / "five.py").write_text(PIPELINE.format(source=source))
        (self.folder / "headrace.toml").write_text('home = ".headrace"\nworkers = 2\n')

    def call(self, *arguments: str) -> tuple[int, str]:
        """As a bench does, with the patience that an emulator of a warehouse needs on a busy machine."""
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=900)
        return process.returncode, out

    def undisturbed(self) -> None:
        """A whole run: what it makes, how long it takes, and that it holds every number."""
        super().undisturbed()
        wrong = self.look()
        if wrong:
            raise SystemExit(f"an undisturbed run: {wrong}")

    def trial(self, moment_s: float, choose: random.Random) -> dict[str, Any]:
        """Kill the runner or a worker, finish, look."""
        who = choose.choice(("runner", "worker"))
        self.empty()
        start = time.monotonic()
        process = self.start("run", "five.py")
        time.sleep(max(0.0, start + moment_s - time.monotonic()))
        killed = False
        while process.poll() is None and not killed:
            workers = [pid for zygote in children(process.pid) for pid in children(zygote)]
            victims = [process.pid] if who == "runner" else workers
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(choose.choice(victims), signal.SIGKILL)
                    killed = True
            else:
                time.sleep(0.002)
        process.communicate(timeout=900)
        resumed, wrong = self.finish()
        return {"who": who, "killed": killed, "code": process.returncode, "resumed": resumed, "wrong": wrong}

    def look(self) -> list[str]:
        """What is wrong with the rows, the store and the processes."""
        from headrace.dataset import Dataset
        from headrace.store import Store

        wrong = []
        with Store.open(self.folder / ".headrace", create=False) as store:
            done: collections.Counter[str] = collections.Counter()
            found = None
            for run in store.runs():
                attempts = store.attempts(run.run_id)
                done.update(row.key for row in attempts if row.state == "succeeded")
                if run.state == "running":
                    wrong.append(f"run {run.run_id} still says running")
                for row in attempts:
                    for artifact in row.outputs.values():
                        if row.step == "ingest" and artifact.kind == "dataset":
                            found = artifact.digest
            wrong += [f"key {key[:12]} succeeded {count} times" for key, count in done.items() if count > 1]
            wrong += [f"artifact {p.digest[:12]} {p.file}: {p.what}" for p in store.verify()]
            if found is None:
                return [*wrong, "there is no data set"]
            numbers = store.load_artifact(found, Dataset).to_arrow(columns=["number"])["number"].to_numpy()
            if not np.array_equal(numbers, np.arange(len(SPANS) * SPAN_ROWS)):
                lost = len(SPANS) * SPAN_ROWS - len(np.unique(numbers))
                wrong.append(f"{lost} numbers lost, {len(numbers) - len(np.unique(numbers))} there twice, or moved")
        left = self.processes()
        if left:
            wrong.append(f"processes left: {left}")
        return wrong


@contextmanager
def parquet(folder: Path) -> Iterator[Trials]:
    """Files, a span each."""
    data = folder / "project" / "data"
    data.mkdir(parents=True)
    for index, name in enumerate(SPANS):
        pq.write_table(numbered(index), data / f"{name}.parquet")
    yield BatchTrials(folder, '"data/{span}.parquet"')


@contextmanager
def duckdb(folder: Path) -> Iterator[Trials]:
    """One database."""
    import duckdb as engine

    (folder / "project").mkdir()
    rows = all_rows()
    with engine.connect(str(folder / "project" / "numbered.db")) as connection:
        connection.register("delivered", rows)
        connection.execute("CREATE TABLE numbered AS SELECT * FROM delivered")
    yield BatchTrials(folder, 'hr.DuckDB("numbered.db", table="numbered", span_by="month", order_by="number")')


@contextmanager
def postgres(folder: Path) -> Iterator[Trials]:
    """One table of a real server, in ranges, two connections at a time."""
    from tests.servers import postgres as servers

    with servers.started() as uri:
        servers.load(uri, "numbered", all_rows())
        source = f'hr.Postgres("{uri}", table="numbered", span_by="month", order_by="number", range_rows=3_000)'
        yield BatchTrials(folder, source)


@contextmanager
def bigquery(folder: Path) -> Iterator[Trials]:
    """One table of an emulator, three streams at a time."""
    from tests.servers import bigquery as servers

    with servers.started() as emulator:
        emulator.load("proof.numbered", all_rows())
        table = f"{servers.PROJECT}.proof.numbered"
        source = f'hr.BigQuery("{table}", span_by="month", order_by="number", streams=3, memory_mb=1)'
        yield BatchTrials(folder, source, **emulator.environment)


def gcs(ending: str) -> Callable[[Path], AbstractContextManager[Trials]]:
    """Objects of one format in a bucket, a span each."""

    @contextmanager
    def start(folder: Path) -> Iterator[Trials]:
        from tests.ingestion.test_formats_on_buckets import as_parquet, as_tfrecord
        from tests.servers import gcs as servers

        from headrace.dataset.types import type_text

        (folder / "project").mkdir()
        with servers.started() as server:
            bucket = server.make_bucket("numbered")
            for index, name in enumerate(SPANS):
                bucket.put(f"{name}.{ending}", (as_parquet if ending == "parquet" else as_tfrecord)(numbered(index)))
            types = {item.name: type_text(item.type) for item in numbered(0).schema}
            pattern = f'"gs://numbered/{{span}}.{ending}"'
            source = pattern if ending == "parquet" else f"hr.TFRecord({pattern}, types={types})"
            yield BatchTrials(folder, source, **server.environment)

    return start


CASES: dict[str, Callable[[Path], AbstractContextManager[Trials]]] = {
    "parquet": parquet,
    "gcs (Parquet)": gcs("parquet"),
    "gcs (TFRecord)": gcs("tfrecord.gz"),
    "duckdb": duckdb,
    "postgres": postgres,
    "bigquery": bigquery,
}


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="do 1/N of the kills, at least one a source")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--only", help="one source")
    arguments = parser.parse_args()
    started = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    for name, case in CASES.items():
        if arguments.only not in (None, name):
            continue
        choose = random.Random(f"{arguments.seed} {name}")
        counts: collections.Counter[str] = collections.Counter()
        with tempfile.TemporaryDirectory(prefix="headrace-ingest-") as folder:
            try:
                context = case(Path(folder))
                trials = context.__enter__()
            except FileNotFoundError as error:  # a server that this machine does not have
                print(json.dumps({"proof": "ingest", "source": name, "skipped": str(error)}), flush=True)
                totals["skipped"] += 1
                continue
            try:
                trials.undisturbed()
                while counts["kills"] < max(1, NUM_KILLS // arguments.share):
                    moment_s = choose.uniform(0, trials.seconds)
                    told = trials.trial(moment_s, choose)
                    if not told["killed"] and not told["wrong"]:
                        continue  # it was over before: that proves nothing
                    counts.update({"kills": 1, "wrong": int(bool(told["wrong"])), "resumed": told["resumed"]})
                    line = {"proof": "ingest", "source": name, "moment_s": round(moment_s, 3), **told}
                    print(json.dumps(line), flush=True)
            finally:
                context.__exit__(None, None, None)
        totals.update({"sources": 1, "kills": counts["kills"], "wrong": counts["wrong"]})
        line = {"proof": "ingest", "source": name, "summary": True, "rows": len(SPANS) * SPAN_ROWS}
        told = {"kills": counts["kills"], "violations": counts["wrong"], "run_s": round(trials.seconds, 2)}
        print(json.dumps({**line, **told}), flush=True)
    summary = {"proof": "ingest", "summary": True, "sources": totals["sources"], "skipped": totals["skipped"]}
    told = {"kills": totals["kills"], "violations": totals["wrong"], "seed": arguments.seed, "share": arguments.share}
    print(json.dumps({**summary, **told, "seconds": round(time.monotonic() - started)}), flush=True)
    raise SystemExit(1 if totals["wrong"] else 0)


if __name__ == "__main__":
    main()
