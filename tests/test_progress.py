"""Progress: on standard error only, a bar on a terminal only, and the items pass through unchanged."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest

from headrace.progress import Done, is_terminal, say, send_to, speak_of, track

SLOW = (
    "import sys, time\n"
    "from headrace.progress import track\n"
    "seen = [item for item in track(range(12), 'counting', total=12, unit='rows') if not time.sleep(0.07)]\n"
    "print(seen == list(range(12)))\n"
)


def test_items_pass_through():
    """`track` yields what it was given, also nothing at all."""
    assert list(track("abc", "letters", total=3)) == ["a", "b", "c"]
    assert list(track([], "nothing")) == []


def test_say_writes_to_standard_error(capsys):
    """A line for a person never mixes with data on standard output."""
    say("done")
    assert capsys.readouterr() == ("", "done\n")
    assert not is_terminal(sys.stdin) or os.isatty(0)


def test_lines_may_be_objects(capsys, monkeypatch):
    """With HEADRACE_LOG_FORMAT=json a line is one object with all that was said; as text details follow it."""
    say("request 7 failed", request_id="7", details="Traceback:\n  here\n")
    assert capsys.readouterr().err == "request 7 failed\nTraceback:\n  here\n"
    monkeypatch.setenv("HEADRACE_LOG_FORMAT", "json")
    say("request 7 failed", request_id="7", details="Traceback:\n  here\n")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["message"], found["request_id"], found["details"]) == (
        "request 7 failed",
        "7",
        "Traceback:\n  here\n",
    )
    assert found["time"].endswith("Z") and found["process"] == os.getpid()


def test_a_thread_may_speak_of_something(capsys):
    """Its lines begin with what they are about; those of other threads do not."""

    def speak():
        speak_of("flights")
        say("train: running")

    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()
    say("watching")
    assert capsys.readouterr().err == "flights: train: running\nwatching\n"


def test_nothing_is_drawn_without_a_terminal():
    """A log file gets no bars."""
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def on_terminal(code, *arguments, columns=80, resized=None, **options):
    """What a program writes to a terminal so wide, and, once something is drawn, as wide as `resized`."""
    ours, theirs = pty.openpty()

    def resize(width):
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

    resize(columns)
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "HEADRACE_HOME")}
    with subprocess.Popen(
        [sys.executable, *arguments, *(["-c", code] if code else [])],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment | {"TERM": "xterm"},
        **options,
    ) as process:
        os.close(theirs)
        drawn = b""
        try:
            while piece := os.read(ours, 4096):
                drawn += piece
                if resized and b"counting" in drawn:
                    resize(resized)
        except OSError:  # Linux's word for the end of a terminal
            pass
        os.close(ours)
        return drawn, process.stdout.read()


def test_a_terminal_gets_a_bar_that_is_wiped_at_the_end():
    """The bar shows what, how many, how fast and how long still, and leaves a clean line."""
    drawn, out = on_terminal(SLOW)
    assert out == b"True\n"
    assert b"counting  [" in drawn and b"/12 rows" in drawn and b"s left" in drawn
    assert drawn.endswith(b"\r\x1b[2K")


def test_what_is_drawn_never_wraps():
    """A narrow terminal gets as much of the line as fits; what a narrower one wrapped meanwhile is wiped whole."""
    drawn, _ = on_terminal(SLOW, columns=30)
    lines = [line.replace(b"\x1b[2K", b"").decode() for line in drawn.split(b"\r")]
    assert max(map(len, lines)) == 29
    drawn, _ = on_terminal(SLOW, columns=120, resized=40)
    assert b"\x1b[1A\x1b[2K" in drawn


def test_what_is_said_stands_above_what_moves():
    """A line for a person is written whole, on a line of its own, and the bar goes on below it."""
    code = SLOW.replace(
        "if not time.sleep(0.07)", "if not (time.sleep(0.08), item == 9 and say('halfway'))[1]"
    ).replace("import track", "import say, track")
    drawn, _ = on_terminal(code)
    assert b"\r\x1b[2Khalfway\r\n" in drawn


def test_rates_and_times():
    """Slow work is told by its pace; nothing is left of what is done."""
    assert Done("fit", 2, 10, "trials", 60.0).line().endswith("2/10 trials  30.0 s each  4 min 0 s left")
    assert Done("fit", 10, 10, "trials", 5.0).line().endswith("10/10 trials  2/s  0 s left")
    assert Done("fit", 0, 10, "trials", 5.0).line().endswith("0/10 trials")


def test_a_narrow_line_has_a_shorter_bar():
    """What it says counts more than the bar."""
    done = Done("fit", 5, 10, "trials", 5.0)
    assert done.line(60) == done.line() == "fit  [============            ] 5/10 trials  1/s  5 s left"
    assert done.line(50) == "fit  [=====     ] 5/10 trials  1/s  5 s left"
    assert done.line(40) == "fit  5/10 trials  1/s  5 s left"


def test_a_listener_is_told_instead():
    """Whoever listens hears how far it is, and that it has ended; nothing is drawn."""
    heard = []
    send_to(heard.append)
    try:
        for _ in track(range(4), "slow", total=4, unit="rows"):
            time.sleep(0.2)
    finally:
        send_to(None)
    assert heard[-1] is None and (heard[0].what, heard[0].total) == ("slow", 4) and 0 < heard[0].number < 4


FLOW = """
import time
import headrace as hr
from headrace.progress import track

@hr.step
def count() -> int:
    return sum(not time.sleep(0.1) for _ in track(range(15), "counting", total=15, unit="rows"))

@hr.step
def wait(n: int) -> int:
    time.sleep(0.6)
    return n

@hr.pipeline
def flow():
    wait(count())
"""


@pytest.mark.slow
def test_a_step_in_its_own_process_moves_on_the_terminal(tmp_path):
    """`headrace run` draws how far each step is, and how long those run that do not say; only results stay."""
    (tmp_path / "headrace.toml").write_text("")
    (tmp_path / "flow.py").write_text(FLOW)
    drawn, out = on_terminal("", "-m", "headrace.cli", "run", "flow.py", "-o", "json", cwd=tmp_path)
    assert b'"state": "succeeded"' in out
    text = drawn.decode()
    assert "count: counting  [" in text and "/15 rows" in text and "wait: 0 s" in text
    stays = [line.rpartition("\x1b[2K")[2] for line in text.replace("\r\n", "\n").split("\n")]
    assert not [line for line in stays if "running" in line or "counting" in line]
    assert [line for line in stays if line.startswith("count: succeeded in ")]
