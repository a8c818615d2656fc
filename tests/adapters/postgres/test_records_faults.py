"""What a server, a network and a stranger do to records: one clear error each, nothing lost and nothing twice."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from headrace.errors import InvalidInput, StoreError
from headrace.store import Store
from tests.adapters.postgres.schemas import schema_of
from tests.servers import postgres


@contextmanager
def cut(server, when):
    """A door to the server that goes, in both directions, once `when(bytes to the server)`; then it is open again."""
    host, port = "127.0.0.1", int(server.rpartition(":")[2].partition("/")[0])
    door = socket.create_server((host, 0))
    state = {"cut": 0}

    def carry(source, target, is_to_server):
        try:
            while data := source.recv(1 << 16):
                # Asked before it goes on: the answer to it may be what arms the next question.
                is_last = is_to_server and not state["cut"] and when(data)
                if is_to_server or not state["cut"] or target in later:
                    target.sendall(data)
                if is_last:
                    state["cut"] += 1
                    time.sleep(0.5)  # the server has done it; its answer is lost
                    break
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                other = socket.create_connection((host, port))
                ends.extend((client, other))
                if state["cut"]:
                    later.add(client)
                for pair in ((client, other, True), (other, client, False)):
                    threads.append(threading.Thread(target=carry, args=pair))
                    threads[-1].start()

    threads, ends, later = [threading.Thread(target=serve)], [], set()
    threads[0].start()
    try:
        yield server.replace(f":{port}/", f":{door.getsockname()[1]}/"), state
    finally:
        door.shutdown(socket.SHUT_RDWR)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for end in (door, *ends):
            end.close()


def test_an_answer_to_a_commit_that_is_lost_is_asked_for_again(server, records, tmp_path, look):
    """The server has committed, the connection goes before it says so: the call succeeds, and once."""
    Store.open(tmp_path / "a", records=records).close()
    armed = threading.Event()
    with (
        cut(server, lambda data: armed.is_set() and b"COMMIT" in data) as (through, state),
        Store.open(tmp_path / "a", records=f"{through}?schema={schema_of(records)}") as store,
    ):
        armed.set()
        store.append_event("once", {})
        assert state["cut"] == 1
        assert [event.kind for event in store.events()] == ["once"]
    assert look("SELECT count(*) FROM events") == [(1,)]


def test_a_connection_that_is_lost_in_a_transaction_writes_nothing(server, records, tmp_path):
    """One clear error, nothing half-written; the next call connects again."""
    Store.open(tmp_path / "a", records=records).close()
    armed = threading.Event()
    with (
        cut(server, lambda data: armed.is_set() and b"INSERT" in data) as (through, _),
        Store.open(tmp_path / "a", records=f"{through}?schema={schema_of(records)}") as store,
    ):
        armed.set()
        with pytest.raises(StoreError, match=r"connection to the records was lost.*nothing was half-written"):
            store.append_event("never", {})
        assert store.events() == []
        store.append_event("again", {})
        assert [event.kind for event in store.events()] == ["again"]


def test_sessions_that_the_server_ended_are_opened_again(server, records, tmp_path):
    """As after a restart of the server: whoever was idle notices nothing."""
    with Store.open(tmp_path / "a", records=records) as store:
        run_id = store.create_run("p", {})
        postgres.run(
            server,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headrace'",
        )
        assert store.run(run_id).state == "running"
        store.finish_run(run_id, "succeeded")


def test_a_killed_writer_lets_go_at_once(records, tmp_path):
    """Also where a child that it forked, and that has its sockets, lives on."""
    Store.open(tmp_path / "a", records=records).close()
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from headrace.store import Store\n"
        f"store = Store.open(Path({str(tmp_path / 'a')!r}))\n"
        "writing = store._database.write()\n"
        "connection = writing.__enter__()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    time.sleep(600)\n"
        "print(child, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        with Store.open(tmp_path / "a", timeout_s=20) as store:
            store.create_run("p", {})
        assert Path(f"/proc/{child}").exists()
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def failure(tmp_path, uri):
    """What opening such records says."""
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path / "a", records=uri, timeout_s=2)
    assert not (tmp_path / "a" / "records.json").exists()
    return str(caught.value)


def test_what_a_stranger_does_wrong(server, records, tmp_path):
    """Each mistake has one clear error, with what to do, and no password is in any."""
    port = server.rpartition(":")[2].partition("/")[0]
    down = failure(tmp_path, f"postgresql://postgres@127.0.0.1:{postgres.free_port()}/postgres")
    assert "no connection to the records" in down and "see that the server runs" in down
    missing = failure(tmp_path, f"postgresql://postgres@127.0.0.1:{port}/nowhere")
    assert 'database "nowhere" does not exist' in missing and "createdb nowhere" in missing
    nobody = failure(tmp_path, f"postgresql://stranger@127.0.0.1:{port}/postgres")
    assert 'role "stranger" does not exist' in nobody and "name a role" in nobody
    postgres.run(server, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    powerless = failure(tmp_path, f"postgresql://reader@127.0.0.1:{port}/postgres?schema=s_powerless")
    assert "permission denied for database postgres" in powerless and "GRANT CREATE ON DATABASE" in powerless
    Store.open(tmp_path / "b", records=records).close()
    blind = failure(tmp_path, f"postgresql://reader@127.0.0.1:{port}/records?schema={schema_of(records)}")
    assert "permission denied for schema" in blind and "USAGE on the schema" in blind


def test_passwords(server, tmp_path, monkeypatch, locked):
    """PGPASSWORD and ~/.pgpass are used; none and a wrong one are told apart; one in the address is refused, unsaid."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "no password was given" in failure(tmp_path, locked)
    monkeypatch.setenv("PGPASSWORD", "wrong-secret")
    told = failure(tmp_path, locked)
    assert "the password is wrong" in told and "~/.pgpass" in told and "wrong-secret" not in told
    monkeypatch.setenv("PGPASSWORD", "right")
    Store.open(tmp_path / "b", records=locked).close()
    monkeypatch.delenv("PGPASSWORD")
    (tmp_path / ".pgpass").write_text("*:*:*:*:right\n")
    (tmp_path / ".pgpass").chmod(0o600)
    Store.open(tmp_path / "b").close()
    for uri in (locked.replace("@", ":hush@"), locked + "?password=hush", "postgresql://ann:hush@[bad/x"):
        with pytest.raises(InvalidInput) as caught:
            Store.open(tmp_path / "c", records=uri)
        assert "hush" not in str(caught.value)
    assert not any("right" in path.read_text() for path in (tmp_path / "b").glob("*.json"))


@pytest.fixture
def locked(tmp_path):
    """A server of its own that wants a password, "right"."""
    with postgres.started() as uri:
        data = Path(_data_of(uri))
        (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n")
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("ALTER ROLE postgres PASSWORD 'right'")
            connection.execute("SELECT pg_reload_conf()")
        yield uri


def _data_of(uri):
    with psycopg.connect(uri) as connection:
        return connection.execute("SHOW data_directory").fetchone()[0]


def test_a_server_that_cannot_hold_records_is_refused(server, tmp_path):
    """A database in another encoding than UTF8 would change texts."""
    postgres.run(server, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    told = failure(tmp_path, server.rpartition("/")[0] + "/latin")
    assert "encoding LATIN1" in told and "UTF8" in told
