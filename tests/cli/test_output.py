"""Tables that line up whatever is in them, colours only where they are wanted."""

import io
import os
import pty
import subprocess
import sys

import pytest

from headrace.cli.output import is_coloured, size, write_table
from headrace.progress import width_of

ROWS = [{"name": "日本", "rows": "1,024", "state": "ok"}, {"name": "e\u0301a", "rows": "7", "state": "failed"}]


def test_columns_line_up(capsys):
    """By what characters take on a terminal, not by how many there are; numbers to the right."""
    write_table(ROWS, ["name", "rows", "state"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NAME   ROWS  STATE", "日本  1,024  ok", "e\u0301a        7  failed"]
    assert {
        width_of(line[: line.index(word)]) for line, word in zip(lines, ["STATE", "ok", "failed"], strict=True)
    } == {13}


def test_nothing_draws_on_the_terminal(capsys):
    """A line break or an escape in a value is shown, not obeyed."""
    write_table([{"name": "a\nb\x1b[31m"}], ["name"])
    assert capsys.readouterr().out.splitlines()[1] == "a\\nb\\x1b[31m"


def test_a_pipe_gets_all_of_it(capsys):
    """Only a terminal cuts; empty tables have their heading."""
    write_table([{"what": "x" * 500}], ["what"])
    assert "x" * 500 in capsys.readouterr().out
    write_table([], ["what"])
    assert capsys.readouterr().out == "WHAT\n"


def on_terminal(code, columns=40, **environment):
    """What a program writes to a terminal so wide."""
    import fcntl
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=child,
        stderr=child,
        env={**clean, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **environment},
    )
    os.close(child)
    found = b""
    while True:
        try:
            data = os.read(parent, 65536)
        except OSError:  # Linux says EIO when the last writer has gone
            break
        if not data:
            break
        found += data
    process.wait()
    os.close(parent)
    return found.decode().replace("\r\n", "\n")


TABLE = """
from headrace.cli.output import write_table
write_table([{"step": "train", "state": "failed", "note": "x" * 100}], ["step", "state", "note"])
"""


def test_a_terminal_is_never_wrapped():
    """The widest column is cut to what fits, with a mark that its encoding has."""
    lines = on_terminal(TABLE, NO_COLOR="1").splitlines()
    assert all(width_of(line) < 40 for line in lines) and lines[1].endswith("x…")
    assert on_terminal(TABLE, NO_COLOR="1", PYTHONIOENCODING="ascii").splitlines()[1].endswith("x~")


def test_what_is_to_be_copied_is_wrapped():
    """Columns that are to be read whole go on below; long words stay in one piece; the others stay in line."""
    code = """
from headrace.cli.output import write_table
rows = [{"check": "beam", "state": "warn", "fix": "install it, then type pip install 'headrace[beam]'"}]
write_table(rows, ["check", "state", "fix"], wraps=["fix"])
"""
    assert on_terminal(code, columns=36, NO_COLOR="1").splitlines() == [
        "CHECK  STATE  FIX",
        "beam   warn   install it, then type",
        "              pip install",
        "              'headrace[beam]'",
    ]


def test_colours():
    """On a terminal, unless NO_COLOR or TERM=dumb; elsewhere with CLICOLOR_FORCE or FORCE_COLOR alone."""
    assert "\x1b[31mfailed" in on_terminal(TABLE)
    for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_terminal(TABLE, **quiet)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, False), ({"CLICOLOR_FORCE": "1"}, True), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "0"}, False)],
)
def test_forced_colours(monkeypatch, environment, wanted):
    """A pipe gets colours when they are asked for; NO_COLOR has the last word."""
    for name in ("NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_coloured(io.StringIO()) is wanted
    monkeypatch.setenv("NO_COLOR", "1")
    assert is_coloured(io.StringIO()) is False


def test_errors_are_laid_out_for_persons_and_one_line_for_programs():
    """On a terminal labels, wrapped to its width, and the next command; elsewhere one line with the same words."""
    code = """
import sys
from headrace.cli.telling import tell_error
from headrace.errors import InvalidInput, UnknownName
place = "a/very/long/path/that/is/not/cut.py, line 3"
tell_error(InvalidInput("the day is over", where=place, expected="a day", fix="wait"))
tell_error(UnknownName("endpoint", "lat", ["late"]))
tell_error(ValueError("x"), "unexpected ValueError: x")
"""
    shown = on_terminal(code, columns=60, NO_COLOR="1")
    assert shown == (
        "headrace: the day is over\n"
        "  where     a/very/long/path/that/is/not/cut.py, line 3\n"
        "  expected  a day\n"
        "  fix       wait\n"
        "headrace: no endpoint named 'lat'\n"
        "  fix       did you mean 'late'? (there are: late)\n"
        "  next      headrace endpoints ls\n"
        "headrace: unexpected ValueError: x\n"
    )
    assert "\x1b[31mheadrace:\x1b[0m" in on_terminal(code)
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert plain == (
        "headrace: the day is over (a/very/long/path/that/is/not/cut.py, line 3); expected a day; wait\n"
        "headrace: no endpoint named 'lat'; did you mean 'late'? (there are: late); headrace endpoints ls\n"
        "headrace: unexpected ValueError: x\n"
    )


def test_sizes():
    """One unit, of 1000."""
    assert [size(number) for number in (0, 999, 1000, 25_000_000, 7 * 10**12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "25.0 MB",
        "7000.0 GB",
    ]
