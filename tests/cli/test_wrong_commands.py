"""Wrong uses of the command line and of what lies around it: each with its exit code, and the answer that helps."""

import os
import socket
import sqlite3
import subprocess
import sys

import pytest

from headrace.cli import main
from headrace.serving.core import Serving
from headrace.store import Store

FLOW = """
import headrace as hr

@hr.step
def one(x: int) -> int:
    return x

@hr.pipeline
def flow(x: int = 1):
    one(x)
"""
INGESTS = """
import headrace as hr

@hr.pipeline
def judged():
    raw = hr.ingest(PATTERN, spans=SPANS)
    hr.analyze(raw)
"""
NO_FILE = "expected a Python file with a function under @hr.pipeline"


@pytest.fixture
def project(tmp_path, monkeypatch, capfd):
    """A project; the function runs a command in it: (exit code, standard error), places as the rows write them."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("HEADRACE_"):
            monkeypatch.delenv(name)
    (tmp_path / "headrace.toml").write_text("")
    (tmp_path / "flow.py").write_text(FLOW)

    def run(*words):
        before, modules = list(sys.path), set(sys.modules)
        try:
            code = main(words)
        finally:
            sys.path[:] = before
            for name in set(sys.modules) - modules:
                if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in sys.modules[name].__file__:
                    del sys.modules[name]
        out, err = capfd.readouterr()
        assert out == ""
        return code, err.replace(str(tmp_path), "HERE").removesuffix("\n")

    run.folder, run.setenv = tmp_path, monkeypatch.setenv
    return run


COMMANDS = [
    ("a command", ["rum", "flow.py"], "no command named 'rum'; did you mean 'run'? (there are: "),
    ("an option", ["run", "flow.py", "--sett", "x=1"], "no option named '--sett'; did you mean '--set'? (there are: "),
    (
        "a verb",
        ["endpoints", "rolback"],
        "no verb of headrace endpoints named 'rolback'; did you mean 'rollback'? (there",
    ),
    (
        "an output",
        ["status", "-o", "jsn"],
        "no value of --output named 'jsn'; did you mean 'json'? (there are: json, table)",
    ),
    (
        "one word too many",
        ["run", "flow.py", "x"],
        "'x' is one word too many (headrace run); `headrace run --help` has ex",
    ),
    (
        "one too few",
        ["run"],
        "the following arguments are required: FILE[:PIPELINE] (headrace run); `headrace run --help`",
    ),
    ("a number", ["status", "-n", "x"], "argument -n/--number: invalid int value: 'x' (headrace status); `headrace"),
    ("a file", ["run", "flw.py"], f"no such file (HERE/flw.py); {NO_FILE}; did you mean flow.py?"),
    ("a module, not a file", ["run", "flow"], f"no such file (HERE/flow); {NO_FILE}; did you mean flow.py?"),
    (
        "a pipeline",
        ["run", "flow.py:flaw"],
        "no pipeline named 'flaw' (flow.py); did you mean 'flow'? (there are: flow)",
    ),
    ("a parameter", ["run", "flow.py", "--set", "y=1"], "no parameter named 'y' (pipeline 'flow'); there are: x"),
    ("no value", ["run", "flow.py", "--set", "x"], "--set 'x' has no value; expected --set name=value"),
    ("a value's type", ["run", "flow.py", "--set", "x=one"], "x='one' is not of type int (--set)"),
    (
        "a waiver without a person",
        ["run", "flow.py", "--waive", "range:x"],
        "--waive range:x without --by; expected who lets the finding pass, and why; --waive range:x --by",
    ),
    (
        "rows that are not there",
        ["predict", "x.csv", "--model", "a"],
        "there is no store (HERE/.headrace); `headrace run`",
    ),
    ("no store", ["status"], "there is no store (HERE/.headrace); `headrace run` makes one"),
    (
        "a public address without a token",
        ["serve", "--host", "0.0.0.0"],
        "host 0.0.0.0 can be reached from other machines and no token is set; set HEADRACE_TOKEN to",
    ),
]


@pytest.mark.parametrize(("words", "expected"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_commands(project, words, expected):
    """2 for what was typed, 4 where there is no store; the nearest name, or an example to look at."""
    code, err = project(*words)
    assert err.startswith(f"headrace: {expected}")
    assert code == (4 if "no store" in expected else 2)


SETTINGS = [
    ("a name", "memory_mbb = 3", {}, "no setting named 'memory_mbb' (HERE/headrace.toml); did you mean 'memory_mb'?"),
    ("a type", 'port = "x"', {}, "setting port = 'x' has the wrong type (HERE/headrace.toml); expected a whole number"),
    ("a range", "port = 70000", {}, "setting port = 70000 is out of range (HERE/headrace.toml); expected 0 to 65535"),
    ("no TOML", "port = ", {}, "not TOML: Invalid value (at end of document) (HERE/headrace.toml); correct the line"),
    (
        "a variable's value",
        "",
        {"HEADRACE_PORT": "abc"},
        "setting port = 'abc' has the wrong type (environment variable HEADRACE_PORT); expected a whole number",
    ),
    (
        "a variable's name",
        "",
        {"HEADRACE_PROT": "8000"},
        "HEADRACE_PROT is no variable of headrace's (environment); did you mean HEADRACE_PORT?",
    ),
    (
        "a profile",
        "[profiles.laptop]\nport = 1",
        {"HEADRACE_PROFILE": "labtop"},
        "no profile named 'labtop' (HERE/headrace.toml); did you mean 'laptop'? (there are: laptop)",
    ),
]


@pytest.mark.parametrize(
    ("text", "environment", "expected"), [row[1:] for row in SETTINGS], ids=[r[0] for r in SETTINGS]
)
def test_settings(project, text, environment, expected):
    """2, with the file or the variable, and what would have been right."""
    (project.folder / "headrace.toml").write_text(text)
    for name, value in environment.items():
        project.setenv(name, value)
    code, err = project("status")
    assert code == 2 and err.startswith(f"headrace: {expected}")


FILES = [
    ("syntax", "def f(:\n", "bad.py cannot be imported: SyntaxError: invalid syntax (bad.py, line 1)"),
    (
        "a package",
        "import no_such_package\n",
        "bad.py cannot be imported: ModuleNotFoundError: No module named 'no_such_package' (bad.py, line 1); install",
    ),
    ("no pipeline", "x = 1\n", "bad.py holds no pipeline (bad.py); expected a function with @hr.pipeline"),
    (
        "two pipelines",
        FLOW + FLOW.replace("def flow", "def flaw"),
        "bad.py holds 2 pipelines (bad.py); expected a function with @hr.pipeline; name one of: bad.py:flow, bad.py",
    ),
    (
        "a name of headrace's",
        "import headrace as hr\n\n@hr.pipelin\ndef f():\n    pass\n",
        "bad.py cannot be imported: AttributeError: no name in headrace named 'pipelin'; did you mean 'pipeline'?",
    ),
    (
        "no data",
        INGESTS.replace("PATTERN", "'data/{span}.parquet'").replace("SPANS", "'all'"),
        "no file found (bad.py, line 6, HERE/data/{span}.parquet); expected at least one file",
    ),
    (
        "a placeholder",
        INGESTS.replace("PATTERN", "'data/{spn}.parquet'").replace("SPANS", "'all'"),
        "{spn} in pattern 'data/{spn}.parquet' (bad.py, line 6); expected {span} and the wildcards of glob",
    ),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_files(project, text, expected):
    """2, and the user's line."""
    (project.folder / "bad.py").write_text(text)
    code, err = project("run", "bad.py", "--in-process")
    assert code == 2 and err.startswith(f"headrace: {expected}")


def test_a_package_that_is_not_installed(project):
    """A trainer whose package is missing: the line to type, before anything runs."""
    text = (
        "import headrace as hr\n\n@hr.pipeline\ndef f():\n    hr.train(hr.XGBoost(), hr.transform(None, None), None)\n"
    )
    (project.folder / "bad.py").write_text(text)
    without = """
import sys
from headrace.cli import main

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "xgboost":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.exit(main(["run", "bad.py"]))
"""
    done = subprocess.run([sys.executable, "-c", without], cwd=project.folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "headrace: xgboost trainer needs XGBoost: pip install 'headrace[xgboost]'\n"


def test_the_store(project):
    """4: from a newer headrace, no data base, held by another, damaged, or a file in its place; nothing is changed."""
    home = project.folder / ".headrace"
    with Store.open(home):
        pass
    database = home / "metadata.db"
    whole = database.read_bytes()

    def refused(*words):
        code, err = project(*words)
        assert code == 4
        return err.removeprefix("headrace: ")

    with sqlite3.connect(database, isolation_level=None) as connection:
        connection.execute("UPDATE format SET version = 99")
    connection.close()
    assert refused("status") == (
        "the store has format 99, written by a newer headrace; expected format 6 or older; upgrade headrace; nothing"
        " was changed"
    )
    database.write_bytes(b"garbage" * 1000)
    assert refused("status") == (
        "the store's records: file is not a database (HERE/.headrace/metadata.db); it is not a SQLite file: move it"
        " away, or set HEADRACE_HOME to another folder"
    )
    database.write_bytes(whole)
    with Store.open(home, timeout_s=0.1) as store:
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            OSError, match=r"another process has held the store's lock for over 0.1 s .*; see which with"
        ):
            store.append_event("x", {})
        connection.close()
    with Store.open(home, read_only=True) as store, pytest.raises(OSError, match="the store was opened to read only"):
        store.append_event("x", {})
    project.setenv("HEADRACE_HOME", str(project.folder / "flow.py"))
    assert refused("run", "flow.py") == (
        "the store's home is a file (HERE/flow.py); expected a folder; set HEADRACE_HOME"
    )


def test_what_is_asked_of_a_store(project):
    """Runs, steps, endpoints and artifacts that are not there: where they are listed."""
    with Store.open(project.folder / ".headrace") as store:
        run_id = store.create_run("flow", {"steps": [{"name": "one", "call": "flow:one"}]})
        store.finish_run(run_id, "succeeded")
    for words, expected in (
        (["status", "zz"], f"no run named 'zz'; there are: {run_id}; headrace status"),
        (
            ["explain", "on"],
            f"no step named 'on' (run {run_id}); did you mean 'one'? (there are: one); headrace status @last",
        ),
        (["endpoints", "show", "late"], "no endpoint named 'late' (nothing was pushed yet); headrace endpoints ls"),
        (["models", "show", "ab"], "no model named 'ab'; headrace models ls"),
        (
            ["predict", "flow.py"],
            "there are 0 endpoints: nothing was pushed yet; expected --endpoint ENDPOINT or --model",
        ),
    ):
        code, err = project(*words)
        assert code == 2 and err.startswith(f"headrace: {expected}")


def test_an_artifact_that_is_damaged(project):
    """4, told apart from one that was never there, and how it is made again."""
    from headrace.orchestration.values import Value

    with Store.open(project.folder / ".headrace") as store:
        digest = store.save_artifact(Value(1))
        (store.home.artifact(digest) / "value.json").write_bytes(b"12345")
        with pytest.raises(OSError, match=f"artifact {digest[:12]} is damaged .*`headrace run` makes it again"):
            store.load_artifact(digest, Value)
        with pytest.raises(OSError, match=r"no artifact 000000000000 in the store .*`headrace run` makes it again"):
            store.load_artifact("0" * 64, Value)


def test_a_port_that_is_taken(project):
    """4, and how to choose another."""
    with Store.open(project.folder / ".headrace"):
        pass
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, err = project("serve", "--port", port)
    assert code == 4 and err == (
        f"headrace: cannot listen on 127.0.0.1:{port}: Address already in use; another program has the port: stop it,"
        " or choose another with --port (0 = any free one)"
    )


def test_an_endpoint_in_a_request():
    """A client that misspells an endpoint is told which there are."""
    from headrace.errors import UnknownName

    with pytest.raises(UnknownName, match="no endpoint named 'lat'"):
        Serving().get("lat")
