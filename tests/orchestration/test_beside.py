"""What `headrace up` keeps running beside itself: said, started when there is need, gone when it is, even killed."""

import os
import signal
import time
from pathlib import Path

import pytest

from headrace.errors import HeadraceError
from headrace.orchestration.streams import streams_of
from headrace.testing.stream_cases import events
from tests.orchestration.processes import below, call, is_alive, messages, start, store_of, wait_until
from tests.orchestration.test_streams import FLOW, append

pytestmark = pytest.mark.slow

RULES = """
web_port = 0
[[alerts]]
rules = ["stale_s <= 0.1"]
window_s = 1
"""


def named(pid, module):
    """The living processes below one that run a module."""
    found = []
    for child in below(pid):
        try:
            if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
        except OSError:
            continue
    return found


def test_streams_are_followed(project):
    """A pipeline that cannot be planned before its stream is taken in: followed, then run; nothing is left behind."""
    project.write(FLOW)
    append(project, events(0, 30))
    process = start(project, "up", "--no-web")
    wait_until(lambda: "following Lines('log.jsonl')" in messages(project), "the follower")

    def ran():
        try:
            with store_of(project) as store:
                return store.runs(state="succeeded")
        except HeadraceError:
            return None

    wait_until(ran, "a run of the first closed span", seconds=120)
    said = messages(project)
    assert "beside it: the monitor, once something is served; a follower of each stream" in said
    (follower,) = named(process.pid, "headrace.orchestration.followed")
    append(project, events(48, 60))
    closed = "span 2013-01-02 is closed"
    wait_until(lambda: closed in messages(project), "another span")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0 and not is_alive(follower)
    with store_of(project) as store:
        (stream,) = streams_of(project.pipeline(), {})
        kept = store.stream(stream.stream_id)
        assert kept.num_rows == 42 and kept.num_set_aside == 0


def test_the_monitor_follows_what_is_served(project, prepared):
    """Rules of headrace.toml are judged beside it: an alert is an event; killed, the monitor comes again."""
    months = prepared(project)
    toml = project.folder / "headrace.toml"
    toml.write_text(toml.read_text() + RULES)
    process = start(months.project, "up", "--no-web", "--no-execute")
    wait_until(lambda: "following endpoint late" in messages(project), "the monitor")
    (monitor,) = wait_until(lambda: named(process.pid, "headrace.orchestration.monitored"), "its process")
    with store_of(project) as store:
        wait_until(lambda: store.events_of("alert"), "an alert")
        assert store.events_of("alert")[0].body["rule"] == "stale_s <= 0.1"
        assert len(store.announced("monitor")) == 1
        os.kill(monitor, signal.SIGKILL)
        # Killed, it may be seen for a moment yet.
        name = "headrace.orchestration.monitored"
        again = wait_until(lambda: [pid for pid in named(process.pid, name) if pid != monitor], "another")
        wait_until(lambda: "the monitor ended with -9: starting another" in messages(project), "it to be told")
        wait_until(lambda: messages(project).count("following endpoint late") == 2, "it to follow")
        time.sleep(2.5)
        assert len(store.events_of("alert")) == 1  # it is open, and was told
    process.kill()
    process.wait(30)
    wait_until(lambda: not any(map(is_alive, again)), "the monitor to be gone with its parent")


def test_switched_off(project, prepared):
    """--no-monitor and --no-ingest: neither is said nor started."""
    months = prepared(project)
    project.write(FLOW)
    append(months.project, events(0, 3))
    process = start(project, "up", "--no-web", "--no-monitor", "--no-ingest", "--no-execute")
    wait_until(lambda: "watching flow" in messages(project), "it to watch")
    time.sleep(1.5)
    said = messages(project)
    assert "beside it" not in said and "following" not in said
    assert named(process.pid, "headrace.orchestration.monitored") == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_a_rule_that_is_none_is_an_error_at_once(project):
    """`headrace up` refuses settings whose rules cannot be judged, before it starts anything."""
    project.write(FLOW)
    toml = project.folder / "headrace.toml"
    toml.write_text(toml.read_text() + RULES.replace("stale_s", "stail_s"))
    code, _ = call(project, "up", "--no-web")
    assert code == 2 and "did you mean 'stale_s'" in messages(project)
