"""Commands that look: explain, diff, plan, schemas, logs and status, as people type them, mistakes included."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.cli import main
from headrace.lookup import find

FLOW = """
import headrace as hr

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
JUDGED = """
import headrace as hr

@hr.pipeline
def judged():
    raw = hr.ingest("data/{span}.parquet")
    hr.analyze(hr.validate(raw, hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw)))).accepted)
"""


@pytest.fixture
def home(tmp_path, monkeypatch, capfd):
    """A folder with two pipelines; the function runs a command there: (exit code, standard output, standard error)."""
    monkeypatch.delenv("HEADRACE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrace.toml").write_text("")
    (tmp_path / "looked_at_flow.py").write_text(FLOW)
    (tmp_path / "looked_at_judged.py").write_text(JUDGED)

    def command(*arguments):
        import sys

        before, modules = list(sys.path), set(sys.modules)
        try:
            code = main(arguments)
        finally:
            sys.path[:] = before
            for name in set(sys.modules) - modules:
                if name.startswith("looked_at"):
                    del sys.modules[name]
        out, err = capfd.readouterr()
        assert "unexpected" not in err
        return code, out, err

    command.folder = tmp_path
    return command


def run(home, *arguments):
    """Run the flow in this process; its id."""
    _, out, _ = home("run", "looked_at_flow.py", "--in-process", "-o", "json", *arguments)
    return json.loads(out)["run"]


def test_explain(home):
    """A table of what differs and what is behind it; the same as JSON, with the parts of the key."""
    first = run(home)
    second = run(home, "--set", "x=2")
    code, out, _ = home("explain", "one")
    assert code == 0 and f"it ran: its key differs from the nearest before it, of run {first}" in out
    assert [line.split() for line in out.splitlines()[2:4]] == [
        ["WHAT", "NAME", "BEFORE", "NOW"],
        ["parameter", "x", "1", "2"],
    ]
    code, out, _ = home("explain", second[:8], "two", "-o", "json")
    found = json.loads(out)
    assert (found["run"], found["step"], found["compared_with"]) == (second, "two", first)
    assert [change["what"] for change in found["changes"]] == ["input"]
    assert found["behind"] == [{"step": "one", "what": "parameter", "name": "x", "before": 1, "now": 2}]
    assert found["parts"]["call"] == "looked_at_flow:two"


def test_diff(home):
    """Two runs, or the last two; what differs in tables, or as JSON; equal runs say so."""
    first, second = run(home), run(home, "--set", "x=2")
    for arguments in ((first, second), (first[:9], "@last"), (second,), ()):
        code, out, _ = home("diff", *arguments)
        assert code == 0 and f"run {first}" in out.splitlines()[0] and f"run {second}" in out.splitlines()[1]
        assert ["x", "1", "2"] in [line.split() for line in out.splitlines()]
    code, out, _ = home("diff", first, first)
    assert "nothing differs" in out
    code, out, _ = home("diff", first, second, "-o", "json")
    found = json.loads(out)
    assert found["parameters"][0] == {"step": "", "name": "x", "before": 1, "now": 2}
    assert found["statistics"] == []
    assert home("diff", first)[0] == 2


def test_runs_are_named(home):
    """By a unique beginning, @last, @failed; anything else is told what there is."""
    assert home("status", "@last")[0] == 4  # there is no store yet
    failed = run(home, "--set", "x=0")
    last = run(home)
    for command in (["status"], ["logs"], ["diff"], ["explain"]):
        step = ["one"] if command == ["explain"] else []
        for name, found in (("@failed", failed), ("@last", last), (last[:7], last)):
            code, out, err = home(*command, name, *step, *([last] if command == ["diff"] else []))
            assert code == 0, err
            assert found in out or command == ["logs"]
        code, _, err = home(*command, "zzz", *step, *([last] if command == ["diff"] else []))
        assert code == 2 and "no run named 'zzz'; there are: " in err
        code, _, err = home(*command, "@lost", *step, *([last] if command == ["diff"] else []))
        assert code == 2 and "did you mean '@last'?" in err
        code, _, err = home(*command, "", *step, *([last] if command == ["diff"] else []))
        assert code == 2 and "several runs begin with ''" in err
    code, _, err = home("explain", "@failed", "tow")
    assert code == 2 and "no step named 'tow'" in err and "did you mean 'two'?" in err
    assert home("explain")[0] == 2


def test_logs_of_a_step(home):
    """One name is a run, or a step of the newest run; a step that has not run is no error."""
    failed = json.loads(home("run", "looked_at_flow.py", "--set", "x=0", "-o", "json")[1])["run"]
    assert home("logs", "one")[1].startswith("in one\n") and "ZeroDivisionError" in home("logs", "one")[1]
    assert home("logs", failed, "one")[1] == home("logs", "one")[1] == home("logs", "@failed", "one")[1]
    (found,) = json.loads(home("logs", "-o", "json")[1])["logs"]
    assert found["step"] == "one" and found["text"].startswith("in one\n")
    code, out, err = home("logs", failed, "two")
    assert (code, out) == (0, "") and "has not run" in err
    first, again = (json.loads(home("run", "looked_at_flow.py", "-o", "json")[1])["run"] for _ in range(2))
    code, out, err = home("logs", again, "one")
    assert (code, out) == (0, home("logs", first, "one")[1]) and out.startswith("in one\n")
    assert f"step one of run {again} is cached: run {first} did the work" in err
    code, _, err = home("logs", failed, "three")
    assert code == 2 and "no log named 'three'" in err


def test_plan_tells_why_and_what_next(home):
    """The table has an action and reasons for each step; JSON has the changes, the data and the endpoints."""
    code, out, _ = home("plan", "looked_at_flow.py")
    assert code == 0 and out.splitlines()[0].split() == ["STEP", "ACTION", "WHY"]
    assert "it never ran" in out and "2 will run" in out
    run(home)
    code, out, _ = home("plan", "looked_at_flow.py", "--set", "x=3")
    assert [" ".join(line.split()) for line in out.splitlines()[1:]] == [
        "one will run x: 1 -> 3",
        "two runs if its input changes one.output may change",
        "",
        "1 will run, 1 runs if its input changes",
    ]
    found = json.loads(home("plan", "looked_at_flow.py", "--set", "x=3", "-o", "json")[1])
    assert set(found) >= {"steps", "gone", "data", "endpoints", "resolved", "plan"}
    assert found["steps"][0]["changes"] == [{"what": "parameter", "name": "x", "before": 1, "now": 3}]


def test_schemas(home):
    """show prints the schema a run was judged by; accept writes it, amended by what was allowed, and never over one."""
    data = home.folder / "data"
    data.mkdir()
    pq.write_table(pa.table({"c": ["a", "b"] * 50, "x": [1, None] * 50}), data / "1.parquet")
    code, _, err = home("run", "looked_at_judged.py", "--in-process")
    assert code == 0, err
    code, out, _ = home("schemas", "show")
    assert code == 0 and "domain: [a, b]" in out
    assert json.loads(home("schemas", "show", "@last", "-o", "json")[1])["features"][0]["name"] == "c"
    pq.write_table(pa.table({"c": ["a", "z"] * 50, "x": [1, None] * 50}), data / "1.parquet")
    code, out, err = home("run", "looked_at_judged.py", "--in-process")
    assert code == 1 and "domain:c" in err and "headrace schemas accept" in err
    shown = home("status", "@last")[1]
    assert "domain:c: column 'c' is outside its domain in 50 of 100 rows: 'z'" in shown
    assert "1 finding" in shown
    code, _, err = home("schemas", "accept", "--allow", "domain:x")
    assert code == 2 and "did you mean 'domain:c'?" in err
    assert not (home.folder / "schema.yaml").exists()
    assert home("schemas", "accept", "--allow", "domain:c")[0] == 0
    assert "domain: [a, b, z]" in (home.folder / "schema.yaml").read_text()
    code, _, err = home("schemas", "accept")
    assert code == 0 and "says so already" in err
    assert home("run", "looked_at_judged.py", "--in-process")[0] == 0
    assert json.loads(home("schemas", "accept", "--replace", "--yes", "-o", "json")[1])["features"] == 2
    assert home("schemas")[0] == 2


def test_schemas_accept_changes_a_persons_file(home, monkeypatch):
    """It shows what will change and asks: a terminal, or --yes; comments and order stay; a no changes nothing."""
    data = home.folder / "data"
    data.mkdir()
    pq.write_table(pa.table({"c": ["a", "z"] * 50, "x": [1, None] * 50}), data / "1.parquet")
    text = "# ours\nformat: 1\nfeatures:\n  - {name: x, kind: integer}  # first\n  - name: c\n    kind: text\n"
    text += "    domain:\n      - b   # bee\n      - a\n"
    file = home.folder / "schema.yaml"
    file.write_text(text)
    assert home("run", "looked_at_judged.py", "--in-process")[0] == 1
    code, _, err = home("schemas", "accept", "--allow", "domain:c")
    assert code == 2 and "~ c: domain: +'z'" in err and "--yes" in err and file.read_text() == text
    answers = iter(["n\n", "y\n"])
    monkeypatch.setattr("headrace.progress.is_terminal", lambda *_: True)
    monkeypatch.setattr(
        "sys.stdin", type("Terminal", (), {"isatty": lambda _: True, "readline": lambda _: next(answers)})()
    )
    code, _, err = home("schemas", "accept", "--allow", "domain:c")
    assert code == 2 and "[y/N]" in err and "nothing was changed" in err and file.read_text() == text
    assert home("schemas", "accept", "--allow", "domain:c")[0] == 0
    assert file.read_text() == text + "      - z\n"
    assert home("run", "looked_at_judged.py", "--in-process")[0] == 0
    file.write_text("is_reviewed: false\n" + file.read_text())
    told = json.loads(home("schemas", "accept", "--yes", "-o", "json")[1])
    assert told["changes"] == [] and told["is_written"] and file.read_text() == text + "      - z\n"


def test_schemas_accept_takes_in_new_values(home):
    """Values that joined by `new_values: add` are written into the file when a person says so."""
    data = home.folder / "data"
    data.mkdir()
    pq.write_table(pa.table({"c": ["a", "z"] * 50, "x": [1, None] * 50}), data / "1.parquet")
    text = "format: 2\nfeatures:\n  - {name: c, kind: text, domain: [b, a], new_values: add}  # grows\n"
    text += "  - {name: x, kind: integer}\n"
    file = home.folder / "schema.yaml"
    file.write_text(text)
    assert home("run", "looked_at_judged.py", "--in-process")[0] == 0
    assert home("schemas", "accept", "--yes")[0] == 0
    assert file.read_text() == text.replace("[b, a]", "[b, a, z]")


def test_schemas_export_for_tfx(home):
    """The schema that a run judged by, and the statistics of what it judged, as TFDV keeps them."""
    data = home.folder / "data"
    data.mkdir()
    pq.write_table(pa.table({"c": ["a", "b"] * 50, "x": [1, None] * 50}), data / "1.parquet")
    assert home("run", "looked_at_judged.py", "--in-process")[0] == 0
    files = ["schema.pbtxt", "--statistics", "statistics.tfrecord"]
    code, out, err = home("schemas", "export", *files, "-o", "json")
    assert code == 0 and json.loads(out)["files"] == ["schema.pbtxt", "statistics.tfrecord"], err
    tfx = find("exchange", "tfx")()
    ((name, num_rows, features),) = tfx.read_statistics((home.folder / "statistics.tfrecord").read_bytes(), "s")
    assert (name, num_rows, features["x"].num_missing) == ("All Examples", 100, 50)
    assert tfx.read_schema((home.folder / "schema.pbtxt").read_bytes(), "s")[0]["c"].domain == ("a", "b")
    code, _, err = home("schemas", "export", "schema.pbtxt", "--file", "none.yaml", "--statistics", "s")
    assert code == 2 and "--file with a run" in err


def test_waivers_are_asked_who_and_why(home):
    """A waiver without a person or a reason is wrong usage, before anything runs."""
    for arguments in (["--waive", "range:x"], ["--waive", "range:x", "--by", "Ann"], ["--by", "Ann"]):
        code, out, err = home("run", "looked_at_judged.py", *arguments)
        assert (code, out) == (2, "") and "--waive" in err
    code, _, err = home("run", "looked_at_flow.py", "--in-process", *WAIVE)
    assert code == 2 and "no validation" in err


WAIVE = ["--waive", "range:x", "--by", "Ann", "--because", "known"]
