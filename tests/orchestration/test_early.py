"""A zygote that is started before anybody knows whether it is needed: used when it is, gone when it is not."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from headrace import disk
from headrace.cli import main
from headrace.orchestration import early

PIPELINE = """
import os
import headrace as hr

@hr.step
def parent(x: int) -> int:
    return os.getppid()

@hr.pipeline
def family(x: int = 1):
    parent(x)
"""


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A project to run in; the processes started early, as they are started."""
    disk.write_file(tmp_path / "headrace.toml", b"")
    disk.write_file(tmp_path / "family.py", PIPELINE.encode())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "family", raising=False)
    found = []
    real = early.launch

    def launch(*arguments):
        zygote = real(*arguments)
        found.append(zygote[0])
        return zygote

    monkeypatch.setattr(early, "launch", launch)
    return found


def run(capfd, *options):
    """`headrace run` there: how it ended, and its JSON."""
    code = main(["run", "family.py", "-o", "json", *options])
    out = capfd.readouterr().out
    return code, json.loads(out) if out else {}


def test_it_is_the_one_that_forks_the_steps(started, capfd):
    """A run that has something to do takes the zygote that was started early, and no second one."""
    code, plain = run(capfd)
    assert code == 0 and len(started) == 1
    (digest,) = plain["outputs"]["parent"].values()
    value = json.loads((Path(".headrace") / "artifacts" / digest / "value.json").read_bytes())
    assert value == started[0].pid
    assert started[0].poll() is not None, "it has ended with the run"
    assert (Path(".headrace") / "logs" / plain["run"] / "_zygote.log").is_file()


def test_it_is_gone_when_nothing_was_to_do(started, capfd):
    """A run of known steps, a pipeline that cannot be read and one that is not there leave no process behind."""
    run(capfd)
    assert run(capfd)[1]["num_cached"] == 1
    disk.write_file(Path("family.py"), b"import headrace as hr\nthis is no Python\n")
    assert run(capfd)[0] != 0
    assert main(["run", "nowhere.py"]) != 0
    assert len(started) == 3 and all(process.poll() is not None for process in started)


def test_it_is_not_started_where_steps_run_elsewhere(started, capfd):
    """`--in-process` and `--detach` need no zygote."""
    assert run(capfd, "--in-process")[0] == 0
    assert run(capfd, "--detach")[0] == 0
    assert started == []


def test_what_it_cannot_import_is_told_later(tmp_path, monkeypatch):
    """A module that fails to import early changes nothing: the zygote still waits for what to do."""
    monkeypatch.setattr(early, "_ALWAYS", ["no_such_module", "headrace.store"])
    disk.write_file(tmp_path / "pipeline.py", b"")
    early.start_early(tmp_path / "pipeline.py", {})
    zygote = early.take()
    assert zygote is not None and early.take() is None
    process, connection = zygote
    wanted = {"path": sys.path, "log": os.devnull, "file": None, "modules": [], "later": [], "sources": {}}
    connection.sendall(json.dumps({"prepare": wanted}).encode() + b"\n")
    assert json.loads(connection.recv(4096)) == {"ready": process.pid}
    connection.close()
    assert process.wait(10) == 0
