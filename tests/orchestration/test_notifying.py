"""Notifying: how a run ended is told by webhook and mail, at least once, and stops or delays no run."""

import json

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.orchestration.approvals import answer
from headrace.orchestration.notifying import Teller, channels_of
from headrace.orchestration.runner import resume_run, run_pipeline
from headrace.settings import Settings, load_settings
from headrace.store import Store
from tests.monitoring.test_watch import receiver, relay  # noqa: F401  # fixtures
from tests.orchestration.processes import call, messages

FLOW = """
    from pathlib import Path
    HERE = Path(__file__).parent

    @hr.step
    def make(n: int) -> int:
        if not (HERE / "well").exists():
            raise RuntimeError("no disk")
        return n

    @hr.step
    def ship(n: int) -> int:
        return n

    @hr.pipeline
    def flow(n: int = 1, asks: bool = False):
        made = make(n)
        ship(hr.approval(made, question="ship it?") if asks else made)
"""


def settle(project, *addresses, **more):
    """Write the project's settings."""
    lines = ['home = ".headrace"', "workers = 2", f"notify = {json.dumps(list(addresses))}"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in more.items()]
    (project.folder / "headrace.toml").write_text("\n".join(lines) + "\n")


def run(project, **parameters):
    """Run it in this process."""
    return run_pipeline(project.pipeline(), parameters, in_process=True)


def test_each_end_that_matters_is_told(project, receiver, relay):  # noqa: F811
    """A failure, a success after it, a wait and a no are told to all; a success after a success is not."""
    project.write(FLOW)
    settle(project, receiver.url, "mailto:ada@example.org", notify_smtp=relay.address)
    failed = run(project)
    assert failed.state == "failed"
    (project.folder / "well").touch()
    assert run(project).ok and run(project).ok
    waiting = run(project, asks=True)
    settings = load_settings(project.folder)
    with Store.open(settings.home) as store:
        answer(store, waiting.run_id, is_approved=False, by="Ann", because="not now")
        resume_run(project.pipeline(), store.run(waiting.run_id), store, settings)
        told = [body for _, body in receiver.got]
        assert [body["kind"] for body in told] == ["failed", "recovered", "waiting", "rejected"]
        assert told[0]["text"] == f"flow failed (run {failed.run_id}): make: RuntimeError: no disk"
        assert told[2]["text"].endswith("approval: ship it?") and told[2]["waiting"][0]["step"] == "approval"
        assert told[3]["steps"] == {"approval": "no"}
        assert len(relay.mails) == 4 and "Subject: headrace: flow failed" in relay.mails[0]
        events = [event for event in store.events() if event.kind == "run-told"]
        assert len(events) == 4 and store.take_notice() is None
        assert events[0].body["told"] == ["webhook 127.0.0.1", f"mail relay {relay.address}"]


def test_only_what_is_asked_for_is_told(project, receiver):  # noqa: F811
    """`notify_on` chooses; without an address nothing is recorded."""
    project.write(FLOW)
    settle(project, receiver.url, notify_on=["succeeded"])
    assert run(project).state == "failed"
    (project.folder / "well").touch()
    assert run(project).ok
    settle(project)
    assert run(project, n=2).ok
    assert [body["kind"] for _, body in receiver.got] == ["succeeded"]


def test_a_channel_that_is_away_stops_nothing(project, receiver, capfd):  # noqa: F811
    """The other channel is told, the run's result is what it is, it is said, and no address is repeated."""
    project.write(FLOW)
    settle(project, "http://127.0.0.1:9/secret-of-ours", receiver.url)
    assert run(project).state == "failed"
    said = capfd.readouterr().err
    assert "a notice is not delivered by webhook 127.0.0.1" in said and "secret-of-ours" not in said
    assert len(receiver.got) == 1
    with Store.open(load_settings(project.folder).home) as store:
        (event,) = [event for event in store.events() if event.kind == "run-told"]
        assert event.body["failed"] == event.body["told"] == ["webhook 127.0.0.1"]
        assert "secret-of-ours" not in json.dumps([event.body for event in store.events()])
    assert "secret-of-ours" not in (project.folder / ".headrace" / "metadata.db").read_bytes().decode("latin-1")


def test_what_nobody_could_tell_is_told_by_the_next(project, receiver):  # noqa: F811
    """A notice outlives the process that was to tell it; five that died over it are enough."""
    project.write(FLOW)
    settings = Settings(notify=(receiver.url,))
    with Store.open(project.folder / "home") as store:
        run_id = store.create_run("flow", {"steps": []})
        store.finish_run(run_id, "failed", notice={"kind": "failed", "state": "failed"})
        for number in range(1, 5):
            assert store.take_notice().num_tries == number
            assert store.take_notice() is None  # it is ours
            store.disown()  # as a process does that dies
        teller = Teller(store, settings)
        teller.close()
        assert [body["run"] for _, body in receiver.got] == [run_id]
        store.finish_run(_taken(store), "failed", notice={"kind": "failed", "state": "failed"})
        for _ in range(5):
            assert store.take_notice() is not None
            store.disown()
        assert store.take_notice() is None
        assert [event.body for event in store.events() if event.kind == "run-told"][-1] == {"given_up": 5}
    assert len(receiver.got) == 1


def _taken(store):
    return store.create_run("flow", {"steps": []})


def test_wrong_settings_are_told_without_their_secrets(monkeypatch):
    """An end that does not exist, an address that is none; environment variables are lists with commas."""
    with pytest.raises(UnknownName, match=r"no end of a run named 'fail'.*did you mean 'failed'"):
        Settings(notify_on=("fail",))
    with pytest.raises(InvalidInput, match="entry 2, is no address") as told:
        Settings(notify=("https://a.example/x", "a.example/secret"))
    assert "secret" not in str(told.value)
    monkeypatch.setenv("HEADRACE_NOTIFY", "https://a.example/x, mailto:ada%40home@example.org")
    settings = load_settings()
    assert settings.notify == ("https://a.example/x", "mailto:ada%40home@example.org")
    channels = channels_of(settings)
    assert (channels.webhooks, channels.emails) == (["https://a.example/x"], ["ada@home@example.org"])


@pytest.mark.slow
def test_killed_before_it_was_told_it_is_told_later(project, receiver):  # noqa: F811
    """kill -9 between the end of the run and the webhook: the next command that runs something tells it, once."""
    project.write(FLOW)
    settle(project, receiver.url)
    assert call(project, "run", project.file.name, HEADRACE_KILL_AT="before-told")[0] == -9, messages(project)
    assert receiver.got == []
    (project.folder / "well").touch()
    assert call(project, "run", project.file.name)[0] == 0, messages(project)
    assert [body["kind"] for _, body in receiver.got] == ["failed", "recovered"]
    assert call(project, "run", project.file.name)[0] == 0
    assert len(receiver.got) == 2


@pytest.mark.slow
def test_a_worker_tells_too(project, receiver):  # noqa: F811
    """Who carried the run out tells how it ended."""
    project.write(FLOW)
    settle(project, receiver.url)
    assert call(project, "run", "--detach", project.file.name)[0] == 0
    assert call(project, "worker", "--once")[0] == 1, messages(project)
    assert [body["kind"] for _, body in receiver.got] == ["failed"]
