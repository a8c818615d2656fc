"""Several versions at once: which answer beside the one served, by number and by label; new comes before old."""

import os
import shutil
import subprocess
import sys

import httpx
import numpy as np
import pytest

import headrace as hr
from headrace.errors import InvalidInput, UnknownName
from headrace.serving._beside import Beside
from headrace.serving._flips import Fact, Member
from headrace.serving._kept import Kept, Wanted
from headrace.serving._loader import refusal
from headrace.serving._memory import NotEnoughMemory, available_mb, check_memory, needed_mb
from headrace.serving.core import Served, Serving
from tests.serving.conftest import running, wait_until

FAST = {"HEADRACE_POLL_S": "0.05", "HEADRACE_KEEP_PREVIOUS_S": "0"}


def state(client):
    """version -> state, and the labels, as a client is told."""
    told = client.get("/v1/models/late").json()
    states = {int(one["version"]): one["state"] for one in told["model_version_status"]}
    return states, {label: int(version) for label, version in told.get("version_labels", {}).items()}


def asked(client, pushed, which):
    """Status of a prediction of all rows, after checking that they are of the version that the answer names."""
    answer = client.post(f"/v1/models/late{which}:predict", json={"instances": pushed.rows()})
    if answer.status_code == 200:
        version = int(answer.headers["headrace-version"])
        told = np.array(answer.json()["predictions"], np.float32)
        assert told.tobytes() == pushed.predictions(version).astype(np.float32).tobytes()
        return version
    return answer.status_code


def test_versions_by_number_and_label(pushed, home):
    """Pushed, kept, labelled, withdrawn, and with the store gone: each version answers as itself, as long as it may."""
    for version in (2, 3):
        pushed.push(home, version)
    with running(home, workers=2, environment=FAST) as (client, _):
        assert state(client) == ({3: "AVAILABLE"}, {})
        assert [asked(client, pushed, f"/versions/{number}") for number in (1, 2, 3)] == [404, 404, 3]
        with hr.open_store(home) as store:
            assert store.keep_versions("late", "last 2") == (3, 2)
            store.set_label("late", "stable", 1)
        # Two workers load by themselves, and httpx keeps to one: each is asked on a connection of its own.
        for _ in range(4):
            with httpx.Client(base_url=client.base_url, timeout=60) as one:
                wait_until(lambda one=one: state(one) == (dict.fromkeys((3, 2, 1), "AVAILABLE"), {"stable": 1}), 60)
        assert [asked(client, pushed, f"/versions/{number}") for number in (1, 2, 3, 4)] == [1, 2, 3, 404]
        assert asked(client, pushed, "/labels/stable") == 1 and asked(client, pushed, "") == 3
        assert asked(client, pushed, "/labels/canary") == 400
        with hr.open_store(home) as store:
            store.set_label("late", "stable", 2)
            store.withdraw_version("late", 1)
        wait_until(lambda: state(client) == (dict.fromkeys((3, 2), "AVAILABLE"), {"stable": 2}), 60)
        assert [asked(client, pushed, "/versions/1"), asked(client, pushed, "/labels/stable")] == [404, 2]
        # The store is gone, then empty: what answers goes on, by number and by label too.
        aside = home.parent / "aside"
        files = [file for file in home.iterdir() if file.name not in ("requests", "rewards")]
        aside.mkdir()
        for file in files:
            shutil.move(file, aside / file.name)
        for _ in range(20):
            assert [asked(client, pushed, which) for which in ("", "/versions/2", "/labels/stable")] == [3, 2, 2]
        with hr.open_store(home):
            pass
        for _ in range(20):
            assert [asked(client, pushed, which) for which in ("", "/versions/2", "/labels/stable")] == [3, 2, 2]


def test_what_the_log_says(home, pushed):
    """Labels and versions are moves of the endpoint's log; wrong ones are refused by name."""
    pushed.push(home, 2)
    with hr.open_store(home) as store:
        before = store.endpoint("late")
        assert store.keep_versions("late", "these 1", reason="to compare: both") == (1,)
        store.set_label("late", "a_1", 1, reason="because it is old")
        store.set_label("late", "b", 2)
        store.set_label("late", "b", None)
        keeping, kept = store.kept("late")
        assert (keeping.which, keeping.labels) == ("these 1", {"a_1": 1}) and [one.version for one in kept] == [1]
        assert store.endpoint("late") == before
        assert [move.action for move in store.moves("late")][-4:] == ["keep", "label", "label", "unlabel"]
        for label, version, error in (("a-b", 1, InvalidInput), ("", 1, InvalidInput), ("a", 7, UnknownName)):
            with pytest.raises(error):
                store.set_label("late", label, version)
        with pytest.raises(UnknownName, match="no label named 'b'"):
            store.set_label("late", "b", None)
        store.withdraw_version("late", 1)
        with pytest.raises(InvalidInput, match="withdrawn"):
            store.set_label("late", "c", 1)
        for which in ("last 0", "these", "some", "last -1", "latest\n"):
            with pytest.raises(InvalidInput):
                store.keep_versions("late", which)
        with pytest.raises(UnknownName):
            store.keep_versions("late", "these 9")
        # A rollback goes by what was served, whatever was said of labels meanwhile.
        assert store.keeping("late").labels == {"a_1": 1} and store.kept("late")[1] == []


def test_commands(home, pushed):
    """`headrace endpoints keep` and `label` say what they did."""
    pushed.push(home, 2)

    environment = {**os.environ, "HEADRACE_HOME": str(home)}

    def run(*arguments):
        command = [sys.executable, "-m", "headrace.cli", "endpoints", *arguments]
        done = subprocess.run(command, cwd=home.parent, env=environment, capture_output=True, text=True)
        return done.returncode, done.stderr.strip()

    assert run("keep", "late", "--last", "2") == (0, "endpoint late: versions 2, 1 answer by number")
    code, said = run("label", "late", "canary", "1", "--because", "a try")
    assert code == 0 and "label canary moves to version 1" in said
    assert run("label", "late", "canary")[0] == 2
    code, said = run("label", "late", "canary", "9")
    assert code == 2 and "'9'" in said
    command = [sys.executable, "-m", "headrace.cli", "endpoints", "show", "late"]
    done = subprocess.run(command, cwd=home.parent, env=environment, capture_output=True, text=True)
    assert "by number answer 2, 1 (canary)" in done.stdout
    assert "version 1 gets a label" in done.stdout and "canary a try" in done.stdout


def fact(version):
    """A version's."""
    return Fact("late", version, f"{version:064}")


class Worker:
    """A worker that remembers what it was told."""

    def __init__(self):
        self.said = []
        self.member = Member(self.said.append, is_ready=True)

    def holds(self):
        """The versions it was told to load, in that order."""
        return [message["hold"]["version"] for message in self.said if "hold" in message]


def test_each_worker_is_asked_for_what_it_lacks():
    """Once, newest first; again later where it could not; never again where nothing can change that."""
    now, lines = [0.0], []
    one, two = Worker(), Worker()
    kept = Kept(lambda: [one.member, two.member], lines.append, lambda: now[0])
    kept.want({"late": Wanted((fact(3), fact(2)), (("stable", 2),))})
    kept.move()
    assert one.holds() == two.holds() == [3, 2]
    assert one.said[0] == {"keep": {"endpoint": "late", "versions": [3, 2], "labels": {"stable": 2}}}
    kept.loaded(one.member, fact(3))
    assert kept.refuse(one.member, fact(2), "no room", is_final=False)
    assert not kept.refuse(one.member, fact(9), "was never asked for", is_final=True)
    kept.move()
    assert one.holds() == [3, 2] and "no room; it is tried again" in lines[0]
    now[0] += 1.1
    kept.move()
    assert one.holds() == [3, 2, 2] and two.holds() == [3, 2]
    assert kept.refuse(one.member, fact(2), "damaged", is_final=True)
    now[0] += 1000
    kept.move()
    assert one.holds() == [3, 2, 2]
    kept.want({})
    assert one.said[-1] == {"keep": {"endpoint": "late", "versions": [], "labels": {}}}


def test_new_before_old():
    """What is replaced answers until what replaces it does, and a label never stands for nothing."""
    serving, held = Serving(), {}
    beside = Beside(serving, held)

    def load(version):
        held["late", version] = Served("late", version, "", None)

    def hold(version):
        held["late", version] = None
        beside.why.setdefault(("late", version), set()).add("keep")

    beside.keep("late", [1], {"stable": 1})
    hold(1)
    assert beside.take_unneeded() == [] and serving.labels["late"] == {} and serving.loading["late"] == {1}
    load(1)
    assert beside.take_unneeded() == [] and serving.find("late", None, "stable").version == 1
    beside.keep("late", [2], {"stable": 2})
    hold(2)
    assert beside.take_unneeded() == [] and serving.find("late", None, "stable").version == 1
    load(2)
    assert [one.version for one in beside.take_unneeded()] == [1]
    assert serving.find("late", None, "stable").version == 2 and list(serving.held["late"]) == [2]
    # One that cannot be loaded leaves the label where it is.
    beside.keep("late", [3], {"stable": 3})
    hold(3)
    del held["late", 3]
    beside.refuse(("late", 3), "", "no room")
    assert beside.take_unneeded() == [] and serving.labels["late"] == {"stable": 2}
    assert serving.refusals("late")[3].reason == "no room"
    # What a table names too stays for the table.
    beside.why["late", 2].add("route")
    beside.keep("late", [], {})
    assert beside.take_unneeded() == [] and serving.held["late"] == {}
    beside.why["late", 2].discard("route")
    assert [one.version for one in beside.take_unneeded()] == [2] and held == {}


def test_memory_is_looked_at_first(pushed, tmp_path):
    """What does not fit is refused with both numbers, and may be tried again; what is not known refuses nothing."""
    pushed.model.save(tmp_path)
    needed = needed_mb(tmp_path)
    assert 32 < needed < 64
    check_memory(tmp_path, "version 7", 1, needed + 1)
    check_memory(tmp_path, "version 7", 2, None)
    with pytest.raises(NotEnoughMemory, match=r"version 7 needs about \d+ MiB in 2 processes and \d+ MiB are free"):
        check_memory(tmp_path, "version 7", 2, needed + 1)
    told = refusal({"version": 7}, NotEnoughMemory("no room"))
    assert (told["reason"], told["is_final"]) == ("no room", False)
    free = available_mb()
    assert free is None or 0 < free < 1 << 24
