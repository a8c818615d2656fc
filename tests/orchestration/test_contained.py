"""Containment: an uploaded file that loops, crashes, eats memory, talks without end or looks around is told of."""

import time
from pathlib import Path

import pytest

from headrace.contained import Limits
from headrace.orchestration.looking import look_contained

LIMITS = Limits(seconds=8, memory_mb=2048, written_mb=8)
FILES = {
    "loops": ("while True: pass", "stopped after 8 s|processor time"),
    "sleeps": ("import time; time.sleep(60)", "stopped after 8 s"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
    "leaves": ("import os; os._exit(3)", "ended with status 3"),
    "exits": ("import sys; sys.exit(5)", "ended with status 5"),
    "eats": ("x = bytearray(3 << 30)", "MemoryError"),
    "talks": ("while True: print('x' * 100000)", "File too large|more than a check may write"),
    "writes": ("open('big', 'wb').write(b'x' * (9 << 20))", "File too large|more than a check may write"),
    "forges": (
        "import os\nfor to in range(3, 9):\n try: os.write(to, b'[1]')\n except OSError: pass\nos._exit(0)",
        "gave no",
    ),
    "fails": ("1 / 0", "division by zero"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_what_it_does_is_told(name, tmp_path):
    """The look ends in time, says what happened, and leaves this process as it was."""
    source, said = FILES[name]
    file = tmp_path / f"{name}.py"
    file.write_text(source)
    began = time.monotonic()
    found = look_contained(file, tmp_path / "home", LIMITS)
    assert time.monotonic() - began < 30
    assert found["pipelines"] == []
    assert any(part in found["error"] for part in said.split("|")), found["error"]


@pytest.mark.slow
def test_no_secret_is_seen(tmp_path, monkeypatch):
    """Its environment holds no secret, nor does that of any process it can see; and it is alone."""
    monkeypatch.setenv("HEADRACE_TOKEN", "s3cret-of-the-server")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-of-the-cloud")
    file = tmp_path / "nosy.py"
    file.write_text(
        "import glob, os\n"
        "seen = [str(dict(os.environ))]\n"
        "for path in glob.glob('/proc/[0-9]*/environ'):\n"
        "    try:\n"
        "        seen.append(open(path).read())\n"
        "    except OSError:\n"
        "        pass\n"
        "raise RuntimeError('secret' if any('s3cret' in one for one in seen) else f'none in {len(seen)}')\n"
    )
    found = look_contained(file, tmp_path / "home", LIMITS)
    from headrace.contained import _namespace

    if not _namespace():
        pytest.skip("this kernel gives no process namespaces: other processes of the user can be looked at")
    assert "RuntimeError: none in " in found["error"]


@pytest.mark.slow
def test_what_it_starts_ends_with_it(tmp_path):
    """A child that it leaves behind is gone when the look is."""
    file = tmp_path / "parent.py"
    alive = tmp_path / "alive"
    loop = f"import time\nwhile True:\n time.sleep(.05)\n open({str(alive)!r}, 'w').write(str(time.time()))"
    file.write_text(
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {loop!r}])\ntime.sleep(1.0)\n"
    )
    look_contained(file, tmp_path / "home", LIMITS)
    last = alive.read_text()
    time.sleep(0.3)
    assert alive.read_text() == last


def test_the_environment_is_a_list_of_what_is_kept(monkeypatch):
    """A variable that nobody has thought of is left out."""
    from headrace.contained import environment

    monkeypatch.setenv("SOMETHING_NEW", "x")
    monkeypatch.setenv("HEADRACE_TOKEN", "x")
    assert "x" not in environment().values() and Path(environment()["PATH"].partition(":")[0]).is_absolute()
