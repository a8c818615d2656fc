"""The doctor: the installation and the store, a fix beside each thing that is wrong, and an exit code."""

import json
import shutil

import pytest

from headrace.cli import main
from headrace.cli.installation import _accepts, _package, place
from headrace.store import Store
from tests.serving.conftest import home as home  # a fixture, as the next
from tests.serving.conftest import pushed as pushed


@pytest.fixture
def doctor(home, tmp_path, monkeypatch, capfd):
    """A function that asks the doctor: (exit code, check -> finding)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_HOME", str(home))

    def ask(*arguments):
        code = main(["doctor", "-o", "json", *arguments])
        out, err = capfd.readouterr()
        assert err == ""
        return code, {row["check"]: row for row in json.loads(out)}

    return ask


def test_all_is_well(doctor):
    """A sound installation and store: 0, no fail, and what there is."""
    code, found = doctor("--deep", "--verify")
    assert code == 0 and not [row for row in found.values() if row["state"] == "fail"]
    assert found["pyarrow"]["state"] == found["records"]["state"] == found["clock"]["state"] == "ok"
    assert found["endpoints"]["found"] == "late v1" and "golden rows late" in found
    assert found["extra xgboost"]["state"] == "ok"


def test_without_a_store(doctor, home):
    """The installation alone, and how a store is made."""
    shutil.rmtree(home)
    code, found = doctor()
    assert code == 0 and "headrace run" in found["store"]["fix"]


def test_damage(doctor, home, pushed):
    """A served model whose bytes changed fails --deep and --verify, with the rollback that serves again; 4."""
    pushed.push(home, 2)
    with Store.open(home, read_only=True) as store:
        folder = store.home.artifact(store.endpoint("late").model_digest)
    file = folder / "model.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    back = "`headrace endpoints rollback late --to 1`"
    code, found = doctor("--deep")
    assert code == 4 and found["golden rows late"]["state"] == "fail"
    assert "is damaged" in found["golden rows late"]["found"] and back in found["golden rows late"]["fix"]
    code, found = doctor("--verify")
    assert code == 4 and "sha256" in found["damaged"]["found"] and back in found["damaged"]["fix"]
    shutil.rmtree(folder)
    code, found = doctor()
    assert code == 4 and "files of model" in found["endpoint late"]["found"] and back in found["endpoint late"]["fix"]
    assert main(["endpoints", "rollback", "late", "--to", "1"]) == 0


def test_damage_without_another_version(doctor, home):
    """Where no version is whole no rollback is offered, but what does help; predict says the same and ends with 4."""
    file = next((home / "artifacts").glob("*/model.onnx"))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    _, found = doctor("--verify")
    assert "rollback" not in found["damaged"]["fix"] and "backup" in found["damaged"]["fix"]
    (home.parent / "rows.jsonl").write_text("{}\n")
    assert main(["predict", "rows.jsonl", "--endpoint", "late"]) == 4


def test_what_a_killed_process_left(doctor, home):
    """A run that was cut off is named with the command that goes on; folders of dead attempts are counted."""
    with Store.open(home) as store:
        run_id = store.create_run("flow", {"steps": []})
        with store._database.write() as connection:
            connection.execute("UPDATE leases SET pid = 4194304, pid_start = 1")
    (home / "attempts" / "gone").mkdir()
    import os

    os.utime(home / "attempts" / "gone", (1, 1))
    code, found = doctor()
    assert code == 0 and found["cut off"]["fix"] == f"headrace resume {run_id}"
    assert found["cut off"]["state"] == "warn" and "1 folders" in found["left over"]["found"]


def test_a_clock_that_went_back(doctor, home):
    """Events from the future say that the clock is wrong now, or was."""
    with Store.open(home) as store, store._database.write() as connection:
        connection.execute(
            "INSERT INTO events (time_us, kind, body) VALUES (?, 'x', '{}')", (4_000_000_000 * 1_000_000,)
        )
    _, found = doctor()
    assert found["clock"]["state"] == "warn" and "set the clock" in found["clock"]["fix"]


def test_versions_and_places(tmp_path):
    """A package out of its range, or missing, fails with a line to type; so does a home that cannot be written."""
    assert _package("pytest", "<2").state == "fail" and "pip install 'pytest<2'" in _package("pytest", "<2").fix
    assert _package("no-such-package", ">=1").found == "is not installed"
    assert [_accepts(">=2.1,<3", text) for text in ("2.1", "2.10.3", "3.0", "2.0.9", "3.0rc1")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert {finding.state for finding in place(tmp_path / "not" / "there")} == {"ok"}
