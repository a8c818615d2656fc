"""A BigQuery emulator in a process and an environment of its own, spoken to by Google's own clients."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.servers.postgres import free_port

__all__ = ["Emulator", "started"]

ROOT = Path(__file__).parent.parent.parent
PROJECT = "headrace"


@dataclass(frozen=True)
class Emulator:
    """Where it is: `environment` is what makes Google's clients, and headrace, go there."""

    kind: str
    rest: str
    grpc: str

    @property
    def environment(self) -> dict[str, str]:
        """The two variables."""
        return {"BIGQUERY_EMULATOR_HOST": self.rest, "BIGQUERY_STORAGE_EMULATOR_HOST": self.grpc}

    def client(self) -> Any:
        """Google's client."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": self.rest})

    def load(self, table: str, rows: pa.Table, *, is_new: bool = True) -> None:
        """Put rows into a table, "dataset.table", which is made anew, or added to."""
        from google.cloud import bigquery

        client = self.client()
        client.create_dataset(table.split(".")[0], exists_ok=True)
        fields = [bigquery.SchemaField(item.name, _kind(item.type)) for item in rows.schema]
        if is_new:
            client.delete_table(f"{PROJECT}.{table}", not_found_ok=True)
            client.create_table(bigquery.Table(f"{PROJECT}.{table}", fields))
        if rows.num_rows:
            file = io.BytesIO()
            pq.write_table(rows, file)
            file.seek(0)
            config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
            client.load_table_from_file(file, f"{PROJECT}.{table}", job_config=config).result(timeout=120)

    def run(self, *statements: str) -> None:
        """Run statements."""
        for statement in statements:
            self.client().query(statement).result(timeout=60)


def _kind(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_integer(kind):
        return "INTEGER"
    if types.is_floating(kind):
        return "FLOAT"
    if types.is_boolean(kind):
        return "BOOLEAN"
    if types.is_timestamp(kind):
        return "DATETIME" if kind.tz is None else "TIMESTAMP"
    return "DATE" if types.is_date(kind) else "STRING"


def find(kind: str) -> Path:
    """The emulator's program; FileNotFoundError, with how to have it, where it is not."""
    names = {"bqemulator": ("bigquery", "bqemulator"), "local-bigquery": ("local-bigquery", "local-bigquery")}
    folder, program = names[kind]
    path = ROOT / ".venvs" / folder / "bin" / program
    if not path.is_file():
        raise FileNotFoundError(f"no {kind}: sh tools/environment.sh {folder}")
    return path


@contextmanager
def started(kind: str = "bqemulator") -> Iterator[Emulator]:
    """A running emulator, empty; it and what it holds are gone afterwards."""
    program = find(kind)
    rest, grpc = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="headrace-bigquery-") as home:
        # It would download DuckDB's extensions; the package index has them, and this is where it looks first.
        for file in program.parent.parent.glob("lib/*/site-packages/duckdb_extension_*/extensions/*/*"):
            to = Path(home) / ".duckdb" / "extensions" / file.parent.name / "linux_amd64"
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)
        command = [str(program), "start", "--rest-port", str(rest), "--grpc-port", str(grpc), "--log-level", "error"]
        if kind == "local-bigquery":
            command = [str(program), "--host", "127.0.0.1", "--port", str(rest), "--grpc-port", str(grpc)]
            command += ["--project", PROJECT, "--data-dir", f"{home}/data", "serve"]
            Path(home, "data").mkdir()
        with Path(home, "log").open("w") as log:
            process = subprocess.Popen(
                command, env={**os.environ, "HOME": home}, stdout=log, stderr=log, cwd=home, start_new_session=True
            )
        try:
            _wait(f"http://127.0.0.1:{rest}", process, Path(home, "log"))
            yield Emulator(kind, f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/bigquery/v2/projects/{PROJECT}/datasets", timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the emulator did not come up: {log.read_text()[-2000:]}")
