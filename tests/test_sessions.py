"""The how-to pages are sessions: what they say is typed, and what they show is what comes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.pages import ROOT, fences, pages

HOW_TO = ROOT / "docs" / "how-to"
SESSIONS = [page for page in pages() if any(fence.language == "console" for fence in fences(page))]
MARK = "---the command has ended---"
TIMEOUT_S = 240

pytestmark = pytest.mark.slow


class Shell:
    """One bash in a folder, to which commands are typed one after the other."""

    def __init__(self, folder):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["PYTHONWARNINGS"] = "default"
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def type(self, command):
        """Run a command; returns its output and exit code."""
        # Read by bash itself before it begins, so that a command that reads stdin finds none of ours.
        self.bash.stdin.write(f"{{ {command}\n}} 2>&1 < /dev/null; code=$?; echo; echo '{MARK}' $code\n")
        self.bash.stdin.flush()
        lines = []
        # A command that never ends, such as a server that was not put behind an &, ends the session.
        guard = threading.Timer(TIMEOUT_S, os.killpg, (self.bash.pid, signal.SIGKILL))
        guard.start()
        try:
            for line in self.bash.stdout:
                if line.startswith(MARK):
                    return "".join(lines).rstrip("\n"), int(line.split()[-1])
                lines.append(line)
        finally:
            guard.cancel()
        raise AssertionError(f"$ {command}\nhas not ended in {TIMEOUT_S} s, or ended bash:\n" + "".join(lines))

    def close(self):
        """End bash and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.bash.pid, signal.SIGTERM)
        self.bash.stdin.close()
        self.bash.stdout.close()
        self.bash.wait(timeout=30)


def steps(text):
    """A console fence as (command, the output shown, the exit code shown)."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], [], 0])
        elif match := re.fullmatch(r"\[exit code (\d+)\]", line):
            found[-1][2] = int(match[1])
        else:
            found[-1][1].append(line)
    return found


def pattern_of(shown):
    """What an output must match: "..." on a line of its own is any lines, within one any text."""
    out = ""
    for line in shown:
        if line == "...":
            out += r"(?:.*\n)*?"
        else:
            out += ".*".join(re.escape(piece) for piece in line.split("...")) + r"\n"
    return out


def play(page, folder):
    """Write the page's files, type its commands, run its Python, in order."""
    shell, python = Shell(folder), ""
    try:
        for fence in fences(page):
            if fence.file:
                (folder / fence.file).write_text(fence.text, encoding="utf-8")
            elif fence.language == "python" and not fence.mark:
                python += fence.text  # a page is one script, as far as it has come
                (folder / "fence.py").write_text(python, encoding="utf-8")
                output, code = shell.type("python fence.py")
                assert code == 0, f"{page.name}:\n{fence.text}\n{output}"
            elif fence.language == "console":
                for command, shown, expected in steps(fence.text):
                    output, code = shell.type(command)
                    told = f"{page.name}: $ {command}\n{output}\n[exit code {code}]"
                    assert code == expected, told
                    if shown:
                        assert re.fullmatch(pattern_of(shown), output + "\n" if output else ""), told
    finally:
        shell.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project of how-to/index.md after its first run."""
    folder = tmp_path_factory.mktemp("project") / "project"
    folder.mkdir()
    play(HOW_TO / "index.md", folder)
    return folder


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_a_session_goes_as_shown(page, project, tmp_path):
    """Typed into the project that how-to/index.md makes, every command says what the page says."""
    folder = tmp_path / "project"
    if page.parent == HOW_TO:
        if page.stem == "index":
            return  # the fixture has played it
        shutil.copytree(project, folder)
    else:
        folder.mkdir()
    play(page, folder)


def test_there_are_sessions():
    """Were none found, nothing would be tested."""
    assert len(SESSIONS) >= 9


def test_what_is_shown_is_compared():
    """Another text, a line too many, and a line too few are seen; dots stand for anything."""
    assert re.fullmatch(pattern_of(["...", "a ... c", "..."]), "x\ny\na b c\nz\n")
    assert not re.fullmatch(pattern_of(["a b"]), "a c\n")
    assert not re.fullmatch(pattern_of(["a"]), "a\nb\n")
    assert not re.fullmatch(pattern_of(["a", "b"]), "a\n")
    assert steps("$ x\na\n[exit code 2]\n$ y\n") == [["x", ["a"], 2], ["y", [], 0]]
