"""The SQLite store keeps the contract, and what is its own: format, permissions, forks, full and read-only disks."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headrace import disk
from headrace.errors import StoreBusy, StoreError, StoreTooNew
from headrace.store import Home, Store, _format
from headrace.testing.store_cases import Note, StoreCases

GOLDEN = Path(__file__).parent / "golden"


class TestSqlite(StoreCases):
    """Every promise of the contract, on SQLite and a folder."""

    def open_store(self, place, **options):
        """A store in the folder's .headrace."""
        return Store.open(place / ".headrace", **options)


def snapshot(folder):
    """Path -> bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB; skipped, with the reason, where mounting is not permitted."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_home_is_its_owner_s_alone(tmp_path):
    """Records may hold what others should not read."""
    Store.open(tmp_path / "a" / ".headrace").close()
    home = tmp_path / "a" / ".headrace"
    assert home.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in home.iterdir() if path.is_dir()) == [
        "artifacts",
        "attempts",
        "logs",
        "requests",
        "states",
        "streams",
    ]


def test_a_store_from_a_newer_version_is_refused_unchanged(tmp_path):
    """StoreTooNew says which format it has, and not a byte differs afterwards."""
    home = tmp_path / ".headrace"
    Store.open(home).close()
    with sqlite3.connect(home / "metadata.db") as connection:
        connection.execute("UPDATE format SET version = 99")
    connection.close()
    before = snapshot(home)
    for read_only in (False, True):
        with pytest.raises(StoreTooNew, match=r"format 99.*upgrade headrace; nothing was changed"):
            Store.open(home, read_only=read_only)
    connection = sqlite3.connect(home / "metadata.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert snapshot(home) == before


def test_an_older_format_is_migrated_in_one_transaction(tmp_path, monkeypatch):
    """The step of each version runs, in order; when one fails the store keeps its old format."""
    home, order = tmp_path / ".headrace", []
    Store.open(home).close()
    connection = sqlite3.connect(home / "metadata.db", isolation_level=None)
    connection.execute("UPDATE format SET version = -2")  # three versions before the first

    def step(number, fails=False):
        def run(connection):
            connection.execute(f'CREATE TABLE "added_{number}" (x)')
            order.append(number)
            if fails:
                raise RuntimeError("no")

        return run

    steps = {-2: step(-2), -1: step(-1), 0: step(0, fails=True)}
    steps |= {version: step(version) for version in range(1, _format.VERSION)}
    monkeypatch.setattr(_format, "MIGRATIONS", steps)
    with pytest.raises(RuntimeError):
        Store.open(home)
    assert connection.execute("SELECT version FROM format").fetchone() == (-2,)
    assert connection.execute("SELECT 1 FROM sqlite_master WHERE name LIKE 'added%'").fetchone() is None
    with pytest.raises(StoreError, match=r"older format.*read only"):
        Store.open(home, read_only=True)
    steps[0] = step(0)
    order.clear()
    Store.open(home).close()
    assert order == list(range(-2, _format.VERSION))
    assert connection.execute("SELECT version FROM format").fetchone() == (_format.VERSION,)
    connection.close()


def golden_home(place, version=_format.VERSION):
    """A store as that format wrote it."""
    home = Home(place)
    home.make()
    connection = sqlite3.connect(home.database)
    connection.executescript((GOLDEN / f"format_{version}.sql").read_text(encoding="utf-8"))
    connection.close()
    shutil.copytree(GOLDEN / "artifacts", home.artifacts, dirs_exist_ok=True)
    return place


@pytest.mark.parametrize("version", range(1, _format.VERSION + 1))
def test_older_formats_are_still_read(tmp_path, version):
    """A store written in any past format opens, and says what it said then."""
    with Store.open(golden_home(tmp_path / ".headrace", version)) as store:
        (run,) = store.runs()
        assert (run.pipeline, run.plan, run.resolved, run.state) == (
            "flights",
            {"depth": 6},
            {"raw": ["1"]},
            "succeeded",
        )
        row = store.cached("k")
        assert row is not None and store.load_artifact(row.outputs["out0"].digest, Note).text == "one"
        assert store.endpoint("late").version == 1 and store.verify() == []
        assert store.snapshot("flights", streams={"raw": ["2"]}).previous["raw"].spans == ("1",)
        if version >= 2:
            assert store.key_parts("k").parts == {"call": "make"}
            (waived,) = store.snapshot("flights", streams={"raw": ["2"]}).waived["raw"]
            assert (waived.name, waived.by, waived.because) == ("range:x", "Ann", "known")
        else:
            assert store.key_parts("k") is None
        if version > 3:
            (trial,) = store.trials("late")
            assert store.study("late").spec["space"] == {"depth": {"int": [2, 10]}}
            assert (trial.params, trial.state, trial.value, trial.losses[0]) == ({"depth": 6}, "succeeded", 0.75, 0.5)
        else:
            assert store.studies() == []
        if version >= 5:
            (stream,) = store.followed_streams()
            assert (stream.num_rows, stream.num_set_aside, stream.cursor["following"]) == (3, 1, {"log.jsonl": 90})
            assert [(span.name, span.version) for span in store.stream_spans(stream.stream_id)] == [("2013-01", 1)]
            assert store.seen_messages(stream.stream_id, ["m1", "m2"]) == {"m1"}
        else:
            assert store.followed_streams() == []
        if version >= 6:
            (answer,) = store.approvals()
            assert (answer.step, answer.is_approved, answer.by, answer.because) == ("a", True, "Ann", "looked at")
            notice = store.take_notice()
            assert notice is not None and (notice.body, notice.num_tries) == ({"state": "failed"}, 2)
        else:
            assert store.approvals() == [] and store.take_notice() is None


def test_the_tables_change_with_the_version_only(tmp_path):
    """Who changes a table writes a migration, a new version and a new golden file."""
    Store.open(tmp_path / "new").close()
    tables = []
    oldest = golden_home(tmp_path / "oldest", 1)
    Store.open(oldest).close()
    for home in (tmp_path / "new", golden_home(tmp_path / "golden"), oldest):
        connection = sqlite3.connect(home / "metadata.db")
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        tables.append({name: " ".join(sql.split()) for name, sql in rows if not name.startswith("sqlite_")})
        connection.close()
    assert tables[0] == tables[1] == tables[2]


def test_a_file_in_the_way_is_named(tmp_path):
    """The home, or metadata.db, is something else: one clear error, nothing touched."""
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(StoreError, match=r"is a file.*HEADRACE_HOME"):
        Store.open(tmp_path / "home")
    other = tmp_path / "other"
    other.mkdir()
    (other / "metadata.db").write_bytes(b"no data base, but long enough to have a header" * 100)
    with pytest.raises(StoreError, match="not a SQLite file"):
        Store.open(other)
    (other / "metadata.db").unlink()
    connection = sqlite3.connect(other / "metadata.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreError, match="not headrace's"):
        Store.open(other)


def test_no_store_is_made_by_looking(tmp_path):
    """Reading only, or create=False, says that there is none and makes nothing."""
    for options in ({"read_only": True}, {"create": False}):
        with pytest.raises(StoreError, match=r"there is no store.*headrace run"):
            Store.open(tmp_path / ".headrace", **options)
    assert list(tmp_path.iterdir()) == []


def test_many_processes_may_make_the_store_at_once(tmp_path):
    """Eight at the same moment: all open it, and it is made once."""
    code = (
        "import sys; from pathlib import Path; from headrace.store import Store; Store.open(Path(sys.argv[1])).close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / ".headrace")], stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    assert [(process.communicate()[1], process.returncode) for process in started] == [(b"", 0)] * 8


def test_a_lock_held_too_long_is_store_busy(tmp_path):
    """The message says what happened; once the lock is free the same call works."""
    with Store.open(tmp_path / ".headrace", timeout_s=0.1) as store:
        other = sqlite3.connect(tmp_path / ".headrace" / "metadata.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another process has held the store's lock"):
            store.create_run("p", {})
        assert store.runs() == []  # readers do not wait
        other.execute("ROLLBACK")
        other.close()
        assert store.create_run("p", {})


def test_a_store_that_is_replaced_is_noticed(tmp_path):
    """Who writes is told that the file is another now, and loses nothing unseen; who reads goes on with the new one."""
    home = tmp_path / ".headrace"
    with Store.open(home) as writer, Store.open(home, read_only=True) as reader:
        run_id = writer.create_run("p", {})
        assert [row.run_id for row in reader.runs()] == [run_id]
        shutil.rmtree(home)
        for store in (writer, reader):
            with pytest.raises(StoreError, match="the store is gone"):
                store.runs()
        with Store.open(home) as new:
            again = new.create_run("p", {})
            with pytest.raises(StoreError, match=r"replaced by another.*again"):
                writer.create_run("p", {})
            assert [row.run_id for row in reader.runs()] == [again]


def test_append_only_tables_refuse_change(tmp_path):
    """Not even SQL by hand rewrites events or an endpoint's log."""
    with Store.open(tmp_path / ".headrace") as store:
        store.append_event("alert", {})
        connection = sqlite3.connect(tmp_path / ".headrace" / "metadata.db")
        for statement in ("DELETE FROM events", "UPDATE events SET kind = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                connection.execute(statement)
        connection.close()


def test_a_forked_child_opens_its_own_connection(tmp_path):
    """Parent and child both go on working; the child is another owner."""
    store = Store.open(tmp_path / ".headrace")
    run_id = store.create_run("p", {})
    child = os.fork()
    if child == 0:
        try:
            store.append_event("child", {})
            mine = store.create_run("q", {})
            os._exit(0 if store.lease(mine).owner != store.lease(run_id).owner else 3)
        except BaseException:
            os._exit(4)
    for _ in range(20):
        store.append_event("parent", {})
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    kinds = [event.kind for event in store.events()]
    assert kinds.count("parent") == 20 and kinds.count("child") == 1
    store.close()


def test_connections_of_ended_threads_are_closed(tmp_path):
    """A thousand short threads do not leave a thousand open files."""
    with Store.open(tmp_path / ".headrace") as store:
        for _ in range(30):
            thread = threading.Thread(target=store.runs)
            thread.start()
            thread.join()
        assert len(list(Path("/proc/self/fd").iterdir())) < 60
        assert len(store._database._opened) <= 2


def test_a_full_disk_is_said_and_loses_nothing(small_disk):
    """Bytes, then records, run out of room: the error says what to do, and with room again the same step works."""
    cases = TestSqlite()
    with cases.open_store(small_disk) as store:
        run_id = store.create_run("p", {})
        cases.make(store, run_id, "a", Note("one"), key="a")
        attempt = store.begin_attempt(run_id, "b", "b")
        with pytest.raises(StoreError, match="free some space"):
            cases.stage(attempt, "out", Note("x" * (2 << 20)))
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 512):
                    pass
            except OSError:
                pass
        with pytest.raises(StoreError, match="free some space"):
            for index in range(1000):  # the WAL has some room of its own
                store.append_event("e", {"text": "x" * 1000, "index": index})
        with pytest.raises(StoreError, match="free some space"):
            cases.make(store, run_id, "c", Note("three"))
        filler.unlink()
        assert store.cached("a") is not None and store.verify() == []
        store.fail(attempt, "no room")
        cases.make(store, run_id, "b", Note("two"), key="b")
        assert store.cached("b") is not None and store.verify() == []
        store.finish_run(run_id, "succeeded")


def test_a_read_only_home_can_be_read_and_says_why_it_cannot_be_written(small_disk):
    """Status and serve work from a read-only disk; a run is refused with what to set."""
    with Store.open(small_disk / ".headrace") as store:
        run_id = store.create_run("p", {})
        TestSqlite().make(store, run_id, "a", Note("one"), key="a")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with Store.open(small_disk / ".headrace", read_only=True) as reader:
        assert reader.cached("a") is not None and reader.verify() == []
        assert [row.run_id for row in reader.runs()] == [run_id]
    with pytest.raises(StoreError, match="HEADRACE_HOME"), Store.open(small_disk / ".headrace") as store:
        store.create_run("p", {})
    with pytest.raises(StoreError, match=r"read-only.*HEADRACE_HOME"):
        Store.open(small_disk / "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the read-only disk above covers it")
def test_a_home_without_permission_is_said(tmp_path):
    """The error names the folder and the setting."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="HEADRACE_HOME"):
        Store.open(tmp_path / ".headrace")
    tmp_path.chmod(0o700)


def test_paths_come_from_digests_only(tmp_path):
    """No other text becomes a path of the store, not even an attempt's id from outside."""
    with Store.open(tmp_path / ".headrace") as store:
        assert store.home == Home(tmp_path / ".headrace")
        plain = {"id": "../../x", "run_id": "r", "step": "s", "key": "k", "token": "t"}
        with pytest.raises(ValueError):
            store.attach(plain)


def test_a_copy_of_the_home_is_a_store(tmp_path):
    """Nothing in it names where it lies."""
    with Store.open(tmp_path / ".headrace") as store:
        TestSqlite().make(store, store.create_run("p", {}), "a", Note("one"), key="a")
    disk.make_folder(tmp_path / "moved")
    shutil.copytree(tmp_path / ".headrace", tmp_path / "moved" / "elsewhere")
    shutil.rmtree(tmp_path / ".headrace")
    with Store.open(tmp_path / "moved" / "elsewhere") as store:
        assert store.cached("a") is not None and store.verify() == []
