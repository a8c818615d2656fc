"""A PostgreSQL server of one's own: Debian's binaries, a temporary cluster, loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

__all__ = ["free_port", "load", "run", "started"]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def find(name: str) -> str:
    """A program of the server; FileNotFoundError, with what to install, where there is none."""
    found = shutil.which(name) or next(
        iter(sorted(Path("/usr/lib").glob(f"postgresql/*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        raise FileNotFoundError(f"no {name}: apt-get install postgresql")
    return str(found)


@contextmanager
def started() -> Iterator[str]:
    """The URI of a running server, as its superuser; everything on it is gone afterwards."""
    initdb, pg_ctl = find("initdb"), find("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="headrace-postgres-", dir="/tmp"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to be root
        shutil.chown(folder, "nobody")
        as_user = ["runuser", "-u", "nobody", "--"]
    port = free_port()
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": "/"}
    data, log = str(folder / "data"), str(folder / "log")
    try:
        subprocess.run([*as_user, initdb, "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8"], **quiet)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=Europe/Zurich"
        subprocess.run([*as_user, pg_ctl, "-D", data, "-o", options, "-l", log, "-w", "start"], **quiet)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*as_user, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(uri: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection:
        for statement in statements:
            with connection.cursor() as cursor:
                cursor.execute(statement)


def load(uri: str, table: str, rows: pa.Table, *, mode: str = "create_append") -> None:
    """Put rows into a table, which is made where there is none."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(table, rows, mode=mode)
