"""`headrace ingest`: what it prints, and what it refuses."""

import json

import pytest

from headrace.cli import main
from headrace.testing.stream_cases import events

FLOW = """
import headrace as hr


@hr.pipeline
def {name}():
    hr.ingest({source})
"""
_LINES = 'hr.Lines("log.jsonl", time="at", span="day")'


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder to write a pipeline into; each has a name of its own, because a file is imported once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrace.toml").touch()

    def write(source):
        name = f"taken_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(FLOW.format(name=name, source=source))
        return f"{name}.py"

    return write


def test_each_commit_and_each_closed_span_is_a_line_of_json(project, tmp_path, capsys):
    """-o json: events on standard output, nothing else; the same in words on standard error."""
    (tmp_path / "log.jsonl").write_bytes(b"".join(message + b"\n" for message in events(0, 30)))
    assert main(["ingest", project(_LINES), "-o", "json"]) == 0
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in told] == ["commit", "closed", "closed"]
    assert told[0]["rows"] == 30 and told[1]["span"] == "2013-01-01" and told[1]["version"] == 1
    assert "30 rows" in err and "span 2013-01-01 is closed: 24 rows" in err


def test_what_was_set_aside_is_shown_as_it_came(project, tmp_path, capsys):
    """Text as text, other bytes as base64, each with place and reason; nothing is taken in by looking."""
    (tmp_path / "log.jsonl").write_bytes(b"oops\n\xff\n")
    file = project(_LINES)
    assert main(["ingest", file]) == 0
    assert "2 messages were set aside" in capsys.readouterr().err
    assert main(["ingest", file, "--set-aside", "-o", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row.get("data"), row.get("base64"), row["position"]) for row in rows] == [
        ("oops", None, 0),
        (None, "/w==", 5),
    ]
    assert main(["ingest", file, "--set-aside"]) == 0
    assert "not a JSON object" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('"data/{span}.parquet"', "reads no stream"),
        ('hr.Lines("logg.jsonl", time="at")', "no file found"),
        ('hr.Lines("log.jsonl", time="at", span="week")', "span = 'week'"),
    ],
)
def test_what_cannot_be_taken_in(project, tmp_path, capsys, source, said):
    """One clear line, exit code 2, and no store is made of it."""
    (tmp_path / "log.jsonl").touch()
    assert main(["ingest", project(source)]) == 2
    assert said in capsys.readouterr().err


def test_nothing_was_ever_set_aside(project, tmp_path, capsys):
    """Looking into a store that is not there is no error."""
    (tmp_path / "log.jsonl").touch()
    assert main(["ingest", project(_LINES), "--set-aside"]) == 0
    assert not (tmp_path / ".headrace").exists()
