"""What gc sets aside comes back whole, by hand or by the step that gave it; pins stay; an oracle says what stays."""

import json
import random
import signal
import sqlite3
import subprocess
import sys

import pytest

from headrace.errors import StoreError
from headrace.orchestration.values import Value
from headrace.store import Staged, Store
from tests.store.test_collecting import age, made, run


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with Store.open(tmp_path / ".headrace") as store:
        yield store


def test_undo_by_command(tmp_path, monkeypatch, capsys):
    """`gc --undo` brings back all, or what is named; what is not set aside, or damaged, is said."""
    from headrace.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / ".headrace"))
    with Store.open(tmp_path / ".headrace") as store:
        digests = [run(store, number)[1] for number in range(4)]
    assert main(["gc", "--keep", "1"]) == 0 and capsys.readouterr().out.count("set aside") == 3
    assert main(["gc", "--undo", digests[0][:10], "--dry-run"]) == 0
    assert "1 artifacts would be back" in capsys.readouterr().err
    assert main(["gc", "--undo", digests[0][:10]]) == 0
    out, err = capsys.readouterr()
    assert digests[0][:12] in out and "1 artifacts are back, and stay for 7 days" in err
    assert main(["gc", "--undo", digests[3]]) == 2 and "no artifact named" in capsys.readouterr().err
    with Store.open(tmp_path / ".headrace") as store:
        copy = next((store.home.aside / digests[1]).iterdir()) / "value.json"
        copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert main(["gc", "--undo", "-o", "json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert [item["digest"] for item in found["back"]] == [digests[2]]
    assert [item["digest"] for item in found["problems"]] == [digests[1]]
    with Store.open(tmp_path / ".headrace") as store:
        assert [store.has_artifact(digest) for digest in digests] == [True, False, True, True]
        with pytest.raises(StoreError, match="set aside by `headrace gc`"):
            store.artifact_folder(digests[1])


def test_pins_by_command(tmp_path, monkeypatch, capsys):
    """A pinned data set stays, is listed with its reason, and goes when it is pinned no more."""
    from headrace.cli import main

    class Data(Value):
        kind = "dataset"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / ".headrace"))
    with Store.open(tmp_path / ".headrace") as store:
        data = Data("rows")
        store.save_artifact(data)
        age(store, data.digest)
    assert main(["datasets", "pin", data.digest[:9], "--because", "the audit"]) == 0
    assert "is pinned" in capsys.readouterr().err
    assert main(["datasets", "ls"]) == 0 and "the audit" in capsys.readouterr().out
    with Store.open(tmp_path / ".headrace") as store:
        age(store, data.digest)
        assert store.collect() == []
    assert main(["datasets", "unpin", "@last"]) == 0 and main(["datasets", "unpin", "@last"]) == 0
    assert "was not pinned" in capsys.readouterr().err
    with Store.open(tmp_path / ".headrace") as store:
        assert [item.name for item in store.collect()] == [data.digest]
        store.pin(data.digest)  # brings it back
        assert store.has_artifact(data.digest)
        store.unpin(data.digest)
        age(store, data.digest)
        store.collect(grace_days=0)
        age_of_undo = store.newest_event("artifact-brought-back")
        assert age_of_undo is not None and not store.has_artifact(data.digest)
        with pytest.raises(StoreError, match="are gone"):
            store.pin(data.digest)


def whole(store):
    """A run that made a data set whose JSON names its span; (its id, span, data set)."""
    run_id = store.create_run("flow", {"steps": []})
    span = made(store, run_id, "span", "rows")
    data = made(store, run_id, "data", {"span": span})
    store.finish_run(run_id, "succeeded")
    return run_id, span, data


def test_the_cache_takes_back(store):
    """A step whose output was set aside finds it, with what it mentions; never what is gone, damaged or half there."""
    _, span, data = whole(store)
    key = f"key of data { {'span': span} }"
    run(store, "newest")
    assert {item.name for item in store.collect(keep_runs=1)} == {span, data}
    row = store.cached(key)
    assert row is not None and row.aside == (span, data) and not store.has_artifact(data)
    going = store.create_run("flow", {"steps": []})
    row = store.reuse(going, "data", key)
    assert row is not None and row.aside == () and store.has_artifact(span) and store.has_artifact(data)
    assert store.verify() == [] and store.set_aside() == []
    store.finish_run(going, "succeeded")
    run(store, "newer")
    for digest in (span, data):
        age(store, digest)
    store.collect(keep_runs=1)
    (copy,) = (store.home.aside / span).iterdir()
    copy.rename(store.home.attempts / "elsewhere")  # its span is gone: the data set is no hit
    assert store.cached(key) is None
    copy.parent.mkdir(exist_ok=True)
    (store.home.attempts / "elsewhere").rename(copy)
    assert store.cached(key) is not None
    file = copy / "value.json"
    file.write_bytes(file.read_bytes()[:-1] + b"?")  # of the same size
    going = store.create_run("flow", {"steps": []})
    assert store.reuse(going, "data", key) is None
    assert made(store, going, "span", "rows") == span and store.verify() == []


KILLED = """
import os, signal, sys
from pathlib import Path
from headrace import disk
from headrace.store import Store

store = Store.open(Path(sys.argv[1]))
count, rename, append = 0, disk.rename, store._append

def step(*arguments, then, **named):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return then(*arguments, **named)

disk.rename = lambda *a, **n: step(*a, **n, then=rename)
store._append = lambda *a, **n: step(*a, **n, then=append)
if sys.argv[3] == "undo":
    store.bring_back()
else:
    run_id = store.create_run("flow", {"steps": []})
    assert store.reuse(run_id, "data", sys.argv[3]) is not None
    store.finish_run(run_id, "succeeded")
"""


@pytest.mark.parametrize("what", ["undo", "reuse"])
def test_killed_while_it_comes_back(tmp_path, what):
    """Before each rename and each record: all of it is in one place or the other, and a second try brings it back."""
    place = 1
    while True:
        home = tmp_path / str(place)
        with Store.open(home) as store:
            _, span, data = whole(store)
            run(store, "newest")
            assert len(store.collect(keep_runs=1)) == 2
        key = f"key of data { {'span': span} }"
        arguments = [sys.executable, "-c", KILLED, str(home), str(place), "undo" if what == "undo" else key]
        done = subprocess.run(arguments, capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        with Store.open(home) as store:
            assert store.verify() == []
            assert store.has_artifact(span) or not store.has_artifact(data)  # never a data set without its span
            going = store.create_run("flow", {"steps": []})
            assert store.reuse(going, "data", key) is not None
            assert store.has_artifact(span) and store.has_artifact(data) and store.set_aside() == []
        if done.returncode == 0:
            break
        place += 1
    assert place > 4


def reachable(store, keep_runs):
    """What must stay, worked out by another road: all records as text, in Python, over files read by hand."""
    connection = sqlite3.connect(store.home.database)
    connection.row_factory = sqlite3.Row
    rows = {name: [dict(row) for row in connection.execute(f"SELECT rowid, * FROM {name}")] for name in TABLES}
    connection.close()
    newest = {}
    for row in sorted(rows["runs"], key=lambda row: (row["created_us"], row["rowid"])):
        newest.setdefault(row["pipeline"], []).append(row["run_id"])
    kept = {run_id for ids in newest.values() for run_id in ids[-keep_runs:]}
    kept |= {row["run_id"] for row in rows["runs"] if row["state"] in ("queued", "running", "waiting")}
    served = {}
    for row in rows["endpoint_moves"]:
        served[row["name"]] = row["version"]
    kept |= {row["run_id"] for row in rows["endpoint_versions"] if served[row["name"]] == row["version"]}
    stays = set()
    attempts = {row["attempt_id"]: row for row in rows["attempts"]}
    for row in rows["attempt_outputs"]:
        if attempts[row["attempt_id"]]["run_id"] in kept:
            stays.add(row["digest"])
    for row in rows["attempts"]:
        if row["run_id"] in kept:
            stays |= set(json.loads(row["inputs"]).values())
    for row in rows["resolved_inputs"]:
        if row["run_id"] in kept:
            stays.add(json.loads(row["value"])["digest"])
    for row in rows["endpoint_versions"]:
        stays |= {row["model_digest"], row["verdict_digest"]}
    pinned = set()
    for row in rows["events"]:
        if row["kind"] == "artifact-pinned":
            pinned.add(json.loads(row["body"])["digest"])
        elif row["kind"] == "artifact-unpinned":
            pinned.remove(json.loads(row["body"])["digest"])
    stays |= pinned
    known = {row["digest"] for row in rows["artifacts"]}
    while True:
        more = {
            digest
            for one in stays & known
            for digest in known
            if digest in (store.home.artifact(one) / "value.json").read_text() and digest not in stays
        }
        if not more:
            return stays & known
        stays |= more


TABLES = ("runs", "attempts", "attempt_outputs", "artifacts", "events", "endpoint_moves", "endpoint_versions")
TABLES += ("resolved_inputs",)


@pytest.mark.parametrize("seed", range(6))
def test_what_stays_is_what_is_reachable(tmp_path, seed):
    """On random histories: what a collection leaves is exactly what an independent walk of the records reaches."""

    class Model(Value):
        kind = "model"

    class Verdict(Value):
        kind = "verdict"

    draw = random.Random(seed)
    with Store.open(tmp_path / ".headrace") as store:
        digests = []
        for number in range(30):
            taken = draw.sample(digests, min(len(digests), draw.randrange(3)))
            resolved = {"looked up": {"digest": draw.choice(digests)}} if digests and draw.random() < 0.3 else {}
            run_id = store.create_run(draw.choice("ab"), {"steps": []}, resolved=resolved)
            pushed = {}
            for step in range(draw.randrange(1, 4)):
                value = {"number": number, "step": step, "of": draw.sample(digests, min(len(digests), step))}
                thing = draw.choice((Value, Model))(value)
                attempt = store.begin_attempt(
                    run_id, str(step), f"{number} {step}", inputs={str(n): d for n, d in enumerate(taken)}
                )
                folder = attempt.folder / "output"
                folder.mkdir()
                thing.save(folder)
                store.commit(attempt, {"output": Staged(thing.kind, thing.digest, folder)}, {}, attempt.key)
                digests.append(thing.digest)
                if thing.kind == "model":
                    pushed = {"model": thing.digest}
            if pushed and draw.random() < 0.3:
                verdict = Verdict(number)
                store.save_artifact(verdict)
                live = store.endpoint("late") if "late" in {one.name for one in store.endpoints()} else None
                expected = live.version if live else None
                store.push("late", pushed["model"], verdict.digest, expected_version=expected, run_id=run_id)
                digests.append(verdict.digest)
            if draw.random() < 0.9:
                store.finish_run(run_id, "succeeded")
            if draw.random() < 0.15:
                store.pin(draw.choice(digests))
            if draw.random() < 0.1 and store.pins():
                store.unpin(draw.choice(sorted(store.pins())))
        for digest in digests:
            age(store, digest)
        stays = reachable(store, keep_runs=3)
        planned = {item.name for item in store.garbage(keep_runs=3)}
        assert planned == {item.name for item in store.collect(keep_runs=3)} == set(digests) - stays
        assert len(planned) > 5 and len(stays) > 5
        assert {path.name for path in store.home.artifacts.iterdir()} == stays
        back, wrong = store.bring_back()
        assert {item.digest for item in back} == planned and wrong == [] and store.verify() == []
