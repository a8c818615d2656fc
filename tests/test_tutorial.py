"""The tutorial is followed as it is written: its commands give what it says they give."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.conftest import running

PAGE = (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAME = doctest.OutputChecker()


def commands(fence):
    """(command, what it prints) of a console's fence."""
    for piece in re.split(r"^\$ ", fence, flags=re.MULTILINE)[1:]:
        command, _, output = piece.partition("\n")
        yield command, output


def run(folder, command):
    """What a shell prints, standard error first; `headrace` is this one."""
    bin_folder = Path(sys.executable).parent
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    environment = {**clean, "PATH": f"{bin_folder}:{clean['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    return done.stderr + done.stdout


def ask(folder, command):
    """The answer of a server in this folder to a request written for curl."""
    _, address, _, body = shlex.split(command)
    with running(folder / ".headrace") as (client, _):
        return client.post("/" + address.split("/", 3)[3], content=body).text + "\n"


@pytest.mark.slow
def test_the_tutorial(tmp_path, monkeypatch):
    """From the page's table to an answered request and a caught mistake; the file shown is the file written."""
    monkeypatch.chdir(tmp_path)
    files, num_commands = [], 0
    for kind, fence in FENCE.findall(PAGE):
        if kind == "python":
            files.append(fence)
            if len(files) == 1:
                exec(compile(fence, "tutorial.md", "exec"), {})
            continue
        for command, expected in commands(fence):
            num_commands += 1
            if command == "headrace serve":  # for as long as it is asked, below
                continue
            found = ask(tmp_path, command) if command.startswith("curl") else run(tmp_path, command)
            assert SAME.check_output(expected, found, doctest.ELLIPSIS), f"{command}\n{found}"
    assert num_commands == 6
    assert (tmp_path / "churn.py").read_text() == files[1]
