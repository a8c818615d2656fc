"""Records in PostgreSQL keep every promise that those in SQLite keep."""

from __future__ import annotations

import os
import threading

import psycopg
import pytest

from headrace.adapters.postgres.dialect import translate
from headrace.adapters.postgres.records import Postgres
from headrace.errors import InvalidInput, StoreBusy, StoreError, StoreTooNew
from headrace.store import Store, _format
from headrace.testing.approval_cases import ApprovalCases
from headrace.testing.collecting_cases import CollectingCases
from headrace.testing.sharing_cases import SharingCases
from headrace.testing.store_cases import StoreCases
from tests.adapters.postgres.schemas import address, schema_of
from tests.servers import postgres


class OnServer:
    """Stores in a folder's .headrace, with records in a schema of its own."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    def open_store(self, place, **options):
        """The same place opens the same store again."""
        return Store.open(place / ".headrace", records=address(self.server, place), **options)


class TestPostgres(OnServer, StoreCases):
    """Every promise of the contract, on PostgreSQL and a folder."""


class TestApprovals(OnServer, ApprovalCases):
    """Every promise about questions, answers and notices, on PostgreSQL."""


class TestCollecting(OnServer, CollectingCases):
    """Every promise about garbage, with records in PostgreSQL and artifacts in a folder."""


class TestSharing(OnServer, SharingCases):
    """Several processes share work through PostgreSQL as they do through a file."""


def test_statements_are_translated():
    """Marks in texts stay, types and keys are the other's; what only SQLite understands is refused at once."""
    assert translate("SELECT '?:x%' , a::text FROM t WHERE b = :b") == "SELECT '?:x%%' , a::text FROM t WHERE b = %(b)s"
    assert translate("INSERT OR IGNORE INTO t VALUES (?)") == "INSERT INTO t VALUES (%s) ON CONFLICT DO NOTHING"
    made = translate("CREATE TABLE t (a TEXT, b INTEGER DEFAULT 0, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID")
    assert made == 'CREATE TABLE t (a TEXT COLLATE "C", b BIGINT DEFAULT 0, PRIMARY KEY (a, b))'
    assert translate("CREATE TABLE t (a REAL) STRICT").endswith(", rowid BIGINT GENERATED ALWAYS AS IDENTITY)")
    assert translate("ALTER TABLE t ADD COLUMN c TEXT") == 'ALTER TABLE t ADD COLUMN c TEXT COLLATE "C"'
    for sql in (
        "INSERT OR REPLACE INTO t VALUES (1)",
        "PRAGMA quick_check",
        "CREATE TRIGGER t AFTER INSERT ON t BEGIN END",
    ):
        with pytest.raises(ValueError):
            translate(sql)


def test_nothing_is_ever_changed_in_what_is_append_only(records, tmp_path, look):
    """The tables' own triggers refuse it, whoever asks."""
    with Store.open(tmp_path / "a", records=records) as store:
        store.append_event("alert", {})
        for sql in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
            with pytest.raises(StoreError, match="events is append only"), store._database.write() as connection:
                connection.execute(sql)
            with pytest.raises(psycopg.Error, match="events is append only"):
                look(sql)
        assert [event.kind for event in store.events()] == ["alert"]
    there = look("SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE tgfoid = 'refuse'::regproc")
    assert set(there) == {
        (table, f"{table}_never_{verb}") for table in _format._APPEND_ONLY for verb in ("update", "delete")
    }


def test_texts_sort_by_their_bytes_and_keep_what_a_server_cannot_hold(records, tmp_path):
    """Whatever the order of the database is; a NUL becomes its picture, and anything else comes back as it was."""
    with Store.open(tmp_path / "a", records=records) as store:
        run_id = store.create_run("p", {"text": "a\0b"})
        for step in ("b", "B", "a", "\u00e4"):
            store.begin_attempt(run_id, step, "k")
        store.take_run(run_id)
        assert store.run(run_id).plan == {"text": "a\0b"}
        lost = [event.attempt_id for event in store.events(run_id) if event.kind == "attempt-lost"]
        steps = {row.attempt_id: row.step for row in store.attempts(run_id)}
        assert [steps[attempt_id] for attempt_id in lost] == ["B", "a", "b", "\u00e4"]
        store.fail(store.begin_attempt(run_id, "c", "k"), "it said a\0b")
        assert store.attempts(run_id, "c")[-1].reason == "it said a\u2400b"


def test_an_older_format_is_migrated_and_a_newer_one_refused(records, tmp_path, look):
    """Tables of format 4 become the present ones, in one transaction; those of a newer headrace stay as they are."""
    Store.open(tmp_path / "a", records=records).close()

    def shape():
        return look(
            "SELECT table_name, column_name, data_type, collation_name, is_nullable, is_identity"
            f" FROM information_schema.columns WHERE table_schema = '{schema_of(records)}' ORDER BY 1, 2"
        )

    newest = shape()
    with psycopg.connect(records.partition("?")[0], autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema_of(records)}")
        connection.execute(
            "DROP TABLE notices, approvals, stream_messages, stream_spans, stream_parts, streams CASCADE"
        )
        connection.execute("UPDATE format SET version = 4")
    assert shape() != newest
    with pytest.raises(StoreError, match=r"older format.*read only"):
        Store.open(tmp_path / "a", read_only=True)
    with Store.open(tmp_path / "a") as store:
        assert store.format_version() == _format.VERSION and shape() == newest
    look_for = look("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'stream_spans'::regclass AND NOT tgisinternal")
    assert look_for == [(2,)]
    with psycopg.connect(records.partition("?")[0], autocommit=True) as connection:
        connection.execute(f"UPDATE {schema_of(records)}.format SET version = 99")
    for read_only in (False, True):
        with pytest.raises(StoreTooNew, match=r"format 99.*upgrade headrace; nothing was changed"):
            Store.open(tmp_path / "a", read_only=read_only)


def test_of_many_that_open_new_records_at_once_each_finds_them_whole(records, tmp_path):
    """Eight processes' worth of homes begin together: one makes the tables."""
    errors = []

    def begin(index):
        try:
            with Store.open(tmp_path / str(index), records=records, artifacts=str(tmp_path / "shared")) as store:
                store.create_run("p", {})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store.open(tmp_path / "0") as store:
        assert len(store.runs()) == 8 and store.check_records() == []


def test_tables_of_others_are_left_alone(server, records, tmp_path, look):
    """A schema that holds something else is refused, and says what to do."""
    postgres.run(server, f"CREATE SCHEMA {schema_of(records)}", f"CREATE TABLE {schema_of(records)}.other (x int)")
    with pytest.raises(StoreError, match=r"holds tables, but not headrace's; name another schema"):
        Store.open(tmp_path / "a", records=records)
    assert look("SELECT count(*) FROM other") == [(0,)]


def test_writers_wait_for_each_other_and_not_for_ever(records, tmp_path):
    """StoreBusy after timeout_s, with advice; readers wait for nobody."""
    with (
        Store.open(tmp_path / "a", records=records) as store,
        Store.open(tmp_path / "a", records=records, timeout_s=0.3) as other,
    ):
        with store._database.write():
            assert other.runs() == []
            with pytest.raises(StoreBusy, match=r"held the lock of the records for over 0\.3 s.*headrace status"):
                other.create_run("p", {})
        other.create_run("p", {})


def test_a_forked_child_opens_its_own(records, tmp_path):
    """The parent's connections go on; the child's are others."""
    with Store.open(tmp_path / "a", records=records) as store:
        store.create_run("p", {})
        child = os.fork()
        if child == 0:
            code = 1
            try:
                store.append_event("child", {})
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        store.append_event("parent", {})
        assert [event.kind for event in store.events()] == ["run-created", "child", "parent"]


def test_threads_share_a_few_connections(server, records, tmp_path):
    """Forty threads one after another, and at once: what is left open is few."""
    with Store.open(tmp_path / "a", records=records) as store:
        threads = [threading.Thread(target=store.runs) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store._database._idle) <= 4 and not store._database._busy


def test_what_is_wrong_is_found(records, tmp_path, look):
    """Rows without what they refer to, a trigger that somebody switched off; a server that may lose data is told of."""
    with Store.open(tmp_path / "a", records=records) as store:
        assert store.check_records() == []
        assert "the server has fsync = off: a power cut may lose what was committed" in store.cautions()
        with psycopg.connect(records.partition("?")[0], autocommit=True) as connection:
            connection.execute(f"SET search_path = {schema_of(records)}")
            connection.execute("ALTER TABLE events DISABLE TRIGGER events_never_delete")
            connection.execute("SET session_replication_role = replica")
            connection.execute("INSERT INTO resolved_inputs VALUES ('nobody', 'x', '1')")
        assert store.check_records() == [
            "events: trigger events_never_delete is switched off",
            "resolved_inputs: a row refers to nothing in runs",
        ]


def test_addresses_that_are_none():
    """What libpq does not take, and a schema that could be anything, are refused before any connection."""
    for uri, told in (
        ("postgresql://h/d?schema=a;b", "lower-case letters"),
        ("postgresql://h/d?nosuch=1", "setting records"),
    ):
        with pytest.raises(InvalidInput, match=told):
            Postgres(uri, read_only=True, timeout_s=1)
