"""The command line: data on standard output, all else on standard error, and exit codes that mean something."""

import json
import os
import subprocess
import sys

import pytest

from headrace.cli import main
from headrace.cli._main import COMMANDS

FLOW = """
import headrace as hr
print("imported")

@hr.step
def one(x: int) -> int:
    print("in one")
    return 1 // x

@hr.step
def two(x: int) -> int:
    return x + 1

@hr.pipeline
def flow(x: int = 1):
    two(one(x))
"""


@pytest.fixture
def home(tmp_path):
    """A project with one pipeline."""
    (tmp_path / "headrace.toml").write_text("")
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def headrace(folder, *arguments, **environment):
    """Run the command; (exit code, standard output, standard error)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", *arguments],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_run_and_look(home):
    """run, plan, status, logs and doctor tell one story."""
    code, out, err = headrace(home, "run", "flow.py", "-o", "json")
    assert code == 0, err
    run = json.loads(out)
    assert (run["state"], run["num_steps"], run["num_cached"]) == ("succeeded", 2, 0)
    assert set(run["outputs"]) == {"one", "two"}
    assert "one: running" in err and "imported" in err and "\x1b" not in err

    code, out, _ = headrace(home, "run", "flow.py:flow", "--set", "x=1")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["STEP", "STATE"], ["one", "cached"], ["two", "cached"]]

    code, out, _ = headrace(home, "plan", "flow.py", "--set", "x=2", "-o", "json")
    assert code == 0
    assert [step["action"] for step in json.loads(out)["steps"]] == ["will run", "runs if its input changes"]

    code, out, _ = headrace(home, "status", "-o", "json")
    runs = json.loads(out)
    assert [row["state"] for row in runs] == ["succeeded", "succeeded"]
    assert runs[1]["run"] == run["run"]
    code, out, _ = headrace(home, "status", run["run"][:6])
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["one", "succeeded"], ["two", "succeeded"]]
    assert headrace(home, "logs", run["run"], "one") == (0, "in one\n", "")
    assert headrace(home, "logs", run["run"])[1] == "== one\nin one\n"

    code, out, _ = headrace(home, "doctor", "--digest")
    digests = json.loads(out)["pipelines"]["flow"]
    assert [step["step"] for step in digests] == ["one", "two"]
    assert digests[0]["outputs"] == run["outputs"]["one"]
    code, out, _ = headrace(home, "doctor", "--verify")
    assert (code, "all as they were committed" in out) == (0, True)


def test_failures_have_codes(home):
    """1 for a step that failed, 2 for wrong usage, 4 for the store; one clear message each, no traceback of ours."""
    code, out, err = headrace(home, "run", "flow.py", "--set", "x=0")
    assert code == 1
    assert "ZeroDivisionError" in out and "blocked" in out
    assert "1 // x" in err and "headrace resume" in err
    usage = [
        (["run", "flow.py", "--set", "y=0"], "no parameter named 'y'"),
        (["run", "flow.py", "--set", "x"], "has no value"),
        (["run", "flow.py", "--set", "x=one"], "not of type int"),
        (["run", "nowhere.py"], "no such file"),
        (["run", "flow.py:flaw"], "did you mean 'flow'?"),
        (["run"], "required"),
        (["rum"], "did you mean 'run'?"),
        (["status", "zzzz"], "no run named 'zzzz'"),
        ([], "usage"),
    ]
    for arguments, message in usage:
        code, out, err = headrace(home, *arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err and "Traceback" not in err
    (home / "broken.py").write_text("import headrace as hr\n@hr.pipeline\ndef p():\n    undefined_name\n")
    code, _, err = headrace(home, "run", "broken.py")
    assert (code, err) == (2, "headrace: NameError: name 'undefined_name' is not defined (broken.py, line 4)\n")
    code, _, err = headrace(home, "run", "broken.py", HEADRACE_DEBUG="1")
    assert "Traceback" in err
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "headrace.toml").write_text("")
    code, _, err = headrace(home / "elsewhere", "status")
    assert (code, "there is no store" in err) == (4, True)


def test_resume(home):
    """resume finishes a failed run once its cause is gone; after that there is nothing to resume."""
    assert headrace(home, "resume")[0] == 4
    assert headrace(home, "run", "flow.py", "--set", "x=0")[0] == 1
    (home / "flow.py").write_text(FLOW.replace("1 // x", "1 // (x + 1)"))
    code, out, err = headrace(home, "resume", "-o", "json")
    assert code == 0, err
    assert json.loads(out)["state"] == "succeeded"
    code, out, err = headrace(home, "resume")
    assert (code, out, "nothing to resume" in err) == (0, "", True)


def test_in_process(home):
    """--in-process runs the steps in the command's own process, to the same end."""
    code, out, err = headrace(home, "run", "flow.py", "--in-process", "-o", "json")
    assert code == 0, err
    assert json.loads(out)["state"] == "succeeded"


def test_damage_is_found(home):
    """doctor --verify names an artifact whose bytes have changed and ends with 4."""
    headrace(home, "run", "flow.py")
    file = next((home / ".headrace" / "artifacts").glob("*/value.json"))
    file.write_bytes(b"9")
    code, out, _ = headrace(home, "doctor", "--verify")
    assert (code, "damaged" in out, file.parent.name[:12] in out) == (4, True, True)


def test_help_is_light(home):
    """Help and version import nothing that takes time; every command has a line and a help of its own."""
    code, out, _ = headrace(home, "--help")
    assert code == 0
    assert all(f"  {name} " in out for name in COMMANDS)
    for name in COMMANDS:
        code, out, _ = headrace(home, name, "--help")
        assert (code, out.startswith(f"usage: headrace {name}")) == (0, True)
    assert headrace(home, "--version")[1].startswith("headrace ")
    heavy = "import sys; from headrace.cli import main; main(['run', '--help']); main(['--help'])"
    listed = (
        f"{heavy}; print(sorted(set(sys.modules) & {{'numpy', 'pyarrow', 'sqlite3', 'onnx', 'orjson', 'asyncio'}}))"
    )
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_leaves(home):
    """`headrace status | head -0` ends quietly."""
    headrace(home, "run", "flow.py")
    command = f"{sys.executable} -m headrace.cli status -n 1000 | true"
    done = subprocess.run(["sh", "-c", command], cwd=home, capture_output=True, text=True)
    assert done.stderr == ""


def test_colours_only_on_terminals(capsys):
    """What is not a terminal, or asks for none with NO_COLOR, gets no colours."""
    assert main(["--help"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_unexpected_errors_are_told_apart(home, monkeypatch, capsys):
    """A bug of ours is code 4, with the way to its traceback; it is never taken for the user's."""
    import headrace.cli._main as cli

    monkeypatch.chdir(home)
    monkeypatch.setattr(cli, "_dispatch", lambda given: {}["bug"])
    monkeypatch.setattr("headrace.orchestration.handles.last_line", lambda error: "")
    assert main(["status"]) == 4
    assert "HEADRACE_DEBUG=1" in capsys.readouterr().err
