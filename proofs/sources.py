"""Proof: the flights pipeline gives the same data set wherever its rows come from; only its first line changes.

The months of flights are loaded into each source, the pipeline's `hr.ingest` line is written anew, its ingest step is
run as `headrace run` would, and the digest of the data set is compared with that from the Parquet files. One JSON line
a source: whether the digests are equal, rows, seconds of the steps that read, and MB/s of the rows' size in memory.
Moments are in microseconds in all of them, also in the files: databases know no other, and a column of milliseconds is
another column.

    python proofs/sources.py [--share 50] [--only postgres]      --share N: the first 12/N months, at least two

To add a source: a function in `SOURCES` that loads the months, and yields the first argument of `hr.ingest`, and the
environment in which it is found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "flights"
sys.path[:0] = [str(ROOT), str(EXAMPLE)]  # tests.servers starts the real servers, prepare makes the months

Months = dict[str, pa.Table]
Line = tuple[str, dict[str, str]]


def microseconds(rows: pa.Table) -> pa.Table:
    """The rows with their moments as databases have them."""
    moment = pa.timestamp("us", tz="UTC")
    return rows.cast(pa.schema([item.with_type(moment) if item.name == "time_hour" else item for item in rows.schema]))


def one_table(months: Months) -> pa.Table:
    """All months as rows of one table, which say their month and their place in it; in another order."""
    tables = []
    for name, rows in months.items():
        rows = rows.append_column("span", pa.array([name] * len(rows)))
        tables.append(rows.append_column("position", pa.array(range(len(rows)), pa.int64())))
    whole = pa.concat_tables(tables[::-1])
    return whole.take(pa.array(range(len(whole)))[::-1])


def of_table(months: Months) -> str:
    """What is to be said of that table."""
    return f'span_by="span", order_by="position", columns={next(iter(months.values())).column_names}'


@contextmanager
def parquet(folder: Path, months: Months) -> Iterator[Line]:
    """The files themselves."""
    (folder / "files").mkdir()
    for name, rows in months.items():
        pq.write_table(rows, folder / "files" / f"{name}.parquet")
    yield '"files/{span}.parquet"', {}


@contextmanager
def duckdb(folder: Path, months: Months) -> Iterator[Line]:
    """One database."""
    import duckdb as engine

    rows = one_table(months)
    with engine.connect(str(folder / "flights.db")) as connection:
        connection.register("delivered", rows)
        connection.execute("CREATE TABLE flights AS SELECT * FROM delivered")
    yield f'hr.DuckDB("flights.db", table="flights", {of_table(months)})', {}


@contextmanager
def postgres(folder: Path, months: Months) -> Iterator[Line]:
    """One table of a server."""
    from tests.servers import postgres as servers

    with servers.started() as uri:
        servers.load(uri, "flights", one_table(months))
        yield f'hr.Postgres("{uri}", table="flights", range_rows=10_000, {of_table(months)})', {}


@contextmanager
def bigquery(folder: Path, months: Months, kind: str = "bqemulator") -> Iterator[Line]:
    """One table of an emulator."""
    from tests.servers import bigquery as servers

    with servers.started(kind) as emulator:
        emulator.load("proof.flights", one_table(months))
        yield f'hr.BigQuery("{servers.PROJECT}.proof.flights", {of_table(months)})', emulator.environment


def local_bigquery(folder: Path, months: Months) -> AbstractContextManager[Line]:
    """The same of the second emulator."""
    return bigquery(folder, months, "local-bigquery")


def gcs(ending: str) -> Callable[[Path, Months], AbstractContextManager[Line]]:
    """Objects of one format in a bucket."""

    @contextmanager
    def start(folder: Path, months: Months) -> Iterator[Line]:
        from tests.ingestion.test_formats_on_buckets import as_csv, as_jsonl, as_parquet, as_tfrecord
        from tests.servers import gcs as servers

        from headrace.dataset.types import type_text

        write = {"parquet": as_parquet, "csv.gz": as_csv, "jsonl": as_jsonl, "tfrecord.gz": as_tfrecord}[ending]
        types = {item.name: type_text(item.type) for item in next(iter(months.values())).schema}
        with servers.started() as server:
            bucket = server.make_bucket("flights")
            for name, rows in months.items():
                bucket.put(f"{name}.{ending}", write(rows))
            pattern = f'"gs://flights/{{span}}.{ending}"'
            kind = {"jsonl": "Jsonl", "tfrecord.gz": "TFRecord"}.get(ending)
            yield pattern if kind is None else f"hr.{kind}({pattern}, types={types})", server.environment

    return start


SOURCES: dict[str, Callable[[Path, Months], AbstractContextManager[Line]]] = {
    "parquet": parquet,
    "gcs (Parquet)": gcs("parquet"),
    "gcs (CSV)": gcs("csv.gz"),
    "gcs (JSON lines)": gcs("jsonl"),
    "gcs (TFRecord)": gcs("tfrecord.gz"),
    "duckdb": duckdb,
    "postgres": postgres,
    "bigquery (bqemulator)": bigquery,
    "bigquery (local-bigquery)": local_bigquery,
}


FEW = 10  # from this share on the data are enough


def flights(source: str, is_short: bool) -> str:
    """The example's pipeline with another source in its first line; a short one ends when its data are validated."""
    text = (EXAMPLE / "flights.py").read_text(encoding="utf-8")
    line = '"data/flights/{span}.parquet"'
    assert text.count(line) == 1, "the example's first line has changed"
    text = text.replace(line, source)
    return text.partition("    graph = hr.transform")[0] if is_short else text


def ingested(folder: Path, source: str, environment: dict[str, str], is_short: bool) -> tuple[str, int, float]:
    """Run the pipeline; the digest of its data set, its rows, and the seconds of its ingest steps."""
    from headrace.dataset import Dataset
    from headrace.store import Store

    (folder / "flights.py").write_text(flights(source, is_short), encoding="utf-8")
    (folder / "headrace.toml").write_text('home = ".headrace"\nworkers = 2\n', encoding="utf-8")
    command = [sys.executable, "-m", "headrace.cli", "run", "flights.py"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "BIGQUERY_"))}
    done = subprocess.run(command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True)
    with Store.open(folder / ".headrace", create=False) as store:
        runs = store.runs()
        if not runs:
            raise SystemExit(f"{source}: no run: {done.stderr[-3000:]}")
        (run,) = runs
        attempts = [row for row in store.attempts(run.run_id) if row.step.startswith("ingest")]
        (whole,) = [row for row in attempts if row.step == "ingest" and row.state == "succeeded"] or [None]
        if whole is None:
            raise SystemExit(f"{source}: {done.stderr[-3000:]}")
        (artifact,) = whole.outputs.values()
        seconds = sum((row.ended_us or row.started_us) - row.started_us for row in attempts) / 1e6
        data = store.load_artifact(artifact.digest, Dataset)
        return data.digest, data.num_rows, seconds


def main() -> None:
    """Prove, print, and end with 1 when a digest differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--share", type=int, default=1, help="the first 12/N months, at least two; from 10 on without a model"
    )
    parser.add_argument("--seed", type=int, default=1, help="nothing is random here")
    parser.add_argument("--only", help="one source beside Parquet")
    arguments = parser.parse_args()
    import prepare

    prepare.prepare()
    names = prepare.MONTHS[: max(2, 12 // arguments.share)]
    months = {name: microseconds(pq.read_table(EXAMPLE / "coming" / f"{name}.parquet")) for name in names}
    size = sum(rows.nbytes for rows in list(months.values())[-6:])
    expected, wrong, skipped = "", 0, 0
    for name, start in SOURCES.items():
        if arguments.only and name not in ("parquet", arguments.only):
            continue
        if arguments.share >= FEW and name == "bigquery (local-bigquery)":
            continue  # a minute for the second of two emulators
        with tempfile.TemporaryDirectory(prefix="headrace-sources-") as folder:
            began = time.monotonic()
            try:
                with start(Path(folder), months) as (source, environment):
                    loaded = time.monotonic()
                    digest, num_rows, seconds = ingested(Path(folder), source, environment, arguments.share >= FEW)
                    whole = time.monotonic() - loaded
            except FileNotFoundError as error:  # a server that this machine does not have
                skipped += 1
                print(json.dumps({"proof": "sources", "source": name, "skipped": str(error)}), flush=True)
                continue
        expected = expected or digest
        wrong += digest != expected
        line = {"proof": "sources", "source": name, "equal": digest == expected, "digest": digest[:16]}
        line |= {"rows": num_rows, "ingest_s": round(seconds, 2), "mb_per_s": round(size / 1e6 / seconds, 1)}
        print(json.dumps({**line, "load_s": round(loaded - began, 1), "run_s": round(whole, 1)}), flush=True)
    print(
        json.dumps({"proof": "sources", "summary": True, "months": len(names), "violations": wrong, "skipped": skipped})
    )
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
