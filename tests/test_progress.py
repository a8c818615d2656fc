"""Progress: on standard error only, a bar on a terminal only, and the items pass through unchanged."""

import os
import pty
import subprocess
import sys
import threading

from headrace.progress import is_terminal, say, speak_of, track

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


def test_a_terminal_gets_a_bar_that_is_wiped_at_the_end():
    """The bar shows what, how many, how fast and how long still, and leaves a clean line."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        drawn = b""
        try:
            while piece := os.read(ours, 4096):
                drawn += piece
        except OSError:  # Linux's word for the end of a terminal
            pass
        os.close(ours)
        assert process.stdout.read() == b"True\n"
    assert b"counting  [" in drawn and b"/12 rows" in drawn and b"s left" in drawn
    assert drawn.endswith(b"\r\x1b[2K")
