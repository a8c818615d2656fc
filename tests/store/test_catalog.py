"""The catalogue: which runs, pipelines, artifacts and events there are, as lists show them."""

import pytest

from headrace.orchestration.values import Value
from headrace.store import Staged, Store


@pytest.fixture
def store(tmp_path):
    """An empty one."""
    with Store.open(tmp_path / ".headrace") as opened:
        yield opened


def attempt(store, run_id, step, value, *, ok=None, key=None):
    """A step that gave a value, and perhaps said no."""
    begun = store.begin_attempt(run_id, step, key or f"{run_id}-{step}", inputs={})
    made = Value(value)
    folder = begun.folder / "output"
    folder.mkdir(parents=True)
    made.save(folder)
    result = {} if ok is None else {"ok": ok}
    store.commit(begun, {"output": Staged("value", made.digest, folder)}, result, key or f"{run_id}-{step}")
    return made.digest


def test_an_empty_store(store):
    """It lists nothing, and nothing fails."""
    assert (store.pipelines(), store.artifact_kinds(), store.made("0" * 64), store.events_of("audit")) == (
        [],
        {},
        [],
        [],
    )
    assert store.step_states([]) == {} and store.step_states(["nothing"]) == {"nothing": {}}
    assert store.runs(offset=5) == []


def test_pipelines_and_runs(store):
    """Pipelines by their newest run; runs in pages that neither miss nor repeat one."""
    ids = [store.create_run("ab"[number % 2], {"steps": []}) for number in range(7)]
    assert [(row.pipeline, row.num_runs) for row in store.pipelines()] == [("a", 4), ("b", 3)]
    pages = [store.runs(limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [run.run_id for page in pages for run in page] == ids[::-1]
    assert [run.run_id for run in store.runs(pipeline="b", limit=2, offset=1)] == [ids[3], ids[1]]


def test_step_states(store):
    """The last attempt counts, and a result that withholds something is a no."""
    run = store.create_run("p", {"steps": []})
    store.fail(store.begin_attempt(run, "a", "key-a", inputs={}), "it fell")
    assert store.step_states([run]) == {run: {"a": "failed"}}
    attempt(store, run, "a", 1)
    attempt(store, run, "b", 2, ok=False)
    attempt(store, run, "c", 3, ok=True)
    assert store.step_states([run]) == {run: {"a": "succeeded", "b": "no", "c": "succeeded"}}


def test_made(store):
    """Every attempt that gave an artifact, newest first."""
    first, second = (store.create_run(name, {"steps": []}) for name in ("p", "q"))
    digest = attempt(store, first, "a", 1)
    assert attempt(store, second, "b", 1) == digest
    assert [(one.pipeline, one.step, one.output, one.state) for one in store.made(digest)] == [
        ("q", "b", "output", "succeeded"),
        ("p", "a", "output", "succeeded"),
    ]
    assert len(store.made(digest, limit=1)) == 1
    assert store.artifact_kinds() == {"value": 1}
    assert [item.run_id for item in store.catalog("value")] == [first] and store.catalog("value", offset=1) == []


def test_events_of(store):
    """Those of a kind, newest first, before a place."""
    for number in range(5):
        store.append_event("audit", {"number": number})
        store.append_event("other", {})
    newest = store.events_of("audit", limit=2)
    assert [event.body["number"] for event in newest] == [4, 3]
    assert [event.body["number"] for event in store.events_of("audit", before=newest[-1].event_id)] == [2, 1, 0]


def test_roll_back_in_a_name(store):
    """A move says who asked for it, where that is not this process's user."""
    import getpass

    run = store.create_run("p", {"steps": []})
    models = [attempt(store, run, f"m{number}", number) for number in (1, 2)]
    with store._database.write() as connection:  # what `push` would refuse: these are no models
        for version, digest in enumerate(models, 1):
            connection.execute(
                "INSERT INTO endpoint_versions VALUES ('e', ?, ?, ?, NULL, 0)", (version, digest, digest)
            )
            store._move(connection, "e", version, version - 1 or None, "push", reason="", run_id=None)
    store.roll_back("e", 1, reason="worse", who="ada")
    assert [(move.action, move.who) for move in store.moves("e")][1:] == [
        ("push", getpass.getuser()),
        ("rollback", "ada"),
    ]
