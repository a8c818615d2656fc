"""Streams in pipelines: their closed spans are planned over like files, and nothing else of them is asked."""

import os
import signal
import subprocess
import sys
import time

import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse
from headrace.orchestration.runner import run_pipeline
from headrace.orchestration.stores import project_store
from headrace.orchestration.streams import Following, streams_of
from headrace.settings import load_settings
from headrace.testing.stream_cases import events
from tests.months import PARQUET, as_messages, digest_of, how, months, write_months
from tests.orchestration.small import actions, states

FLOW = """
    @hr.pipeline
    def flow():
        raw = hr.ingest(hr.Lines("log.jsonl", time="at", types={"number": "int64"}), spans="last 2", key=["number"])
        hr.analyze(raw)
"""


def append(project, messages):
    """More lines of the log."""
    with (project.folder / "log.jsonl").open("ab") as file:
        file.writelines(message + b"\n" for message in messages)


def take_in(project):
    """As `headrace ingest` does."""
    settings = load_settings(project.folder)
    with project_store(settings) as store:
        Following(store, streams_of(project.pipeline(), {}), settings, lambda event: None).run(is_following=False)


def test_the_same_rows_make_the_same_data_set(tmp_path):
    """Flights from a log that grows, month by New York's clock: the digest is that of the Parquet files."""
    tables = months()
    write_months(tmp_path, tables)
    (tmp_path / "log.jsonl").write_bytes(b"".join(m + b"\n" for table in tables.values() for m in as_messages(table)))
    table = tables["2013-01"]
    assert digest_of(tmp_path, f'hr.Lines("log.jsonl", {how(table)})') == digest_of(tmp_path, PARQUET)


def test_a_run_reads_closed_spans(project):
    """Before one is closed a run says what to do; then it reads them, and a later span reads that one alone."""
    project.write(FLOW)
    append(project, events(0, 30))
    with pytest.raises(InvalidInput, match=r"Lines\('log.jsonl'\) was never followed.*headrace ingest FILE --follow"):
        project.pipeline().plan()
    take_in(project)
    assert run_pipeline(project.pipeline(), {}, in_process=True).ok
    assert set(states(run_pipeline(project.pipeline(), {}, in_process=True)).values()) == {"cached"}
    append(project, events(48, 60))
    take_in(project)
    plan = actions(project.pipeline().plan())
    assert plan["ingest[2013-01-02]"] == "cached" and plan["ingest[2013-01-03]"] == "will run"


def test_late_rows_are_another_version(project):
    """A span that had late rows is read again, the data set says which version it holds, and its digest differs."""
    project.write(FLOW)
    messages = events(0, 40)
    append(project, [*messages[:10], *messages[12:]])
    take_in(project)
    first = run_pipeline(project.pipeline(), {}, in_process=True)
    append(project, messages[10:12])
    take_in(project)
    second = run_pipeline(project.pipeline(), {}, in_process=True)
    assert states(second)["ingest[2013-01-01]"] == "succeeded" and states(second)["ingest[2013-01-02]"] == "cached"
    digests = [result.steps["ingest"].outputs["dataset"] for result in (first, second)]
    assert digests[0] != digests[1]
    with project_store(load_settings(project.folder)) as store:
        data = store.load_artifact(digests[1], hr.Dataset)
    assert [(span.name, span.version) for span in data.spans] == [("2013-01-01", 2), ("2013-01-02", 1)]
    assert data.num_rows == 40


def test_what_comes_meanwhile_changes_no_planned_run(project):
    """A resumed run reads the version it was planned on, though another has been made since."""
    project.write(FLOW)
    append(project, events(0, 10))
    take_in(project)
    plan = project.pipeline().plan()
    append(project, events(10, 12))
    take_in(project)
    now = project.pipeline().plan()
    assert plan.data != now.data or actions(now)["ingest[2013-01-01]"] == "will run"


def test_eagerly_a_stream_cannot_be_read(tmp_path):
    """hr.ingest outside a pipeline says where streams are read."""
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(Misuse, match=r"is a stream.*@hr\.pipeline"):
        hr.ingest(hr.Lines(str(tmp_path / "log.jsonl"), time="at"))


@pytest.mark.slow
def test_a_stopped_follower_has_committed_what_it_held(project):
    """SIGTERM while messages are held: exit 0, all of them committed, and the lease given back."""
    project.write(FLOW)
    append(project, events(0, 5))
    environment = {**os.environ, "HEADRACE_COMMIT_S": "3600"}
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "ingest", project.file.name, "--follow"],
        cwd=project.folder,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    home = load_settings(project.folder).home
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(home.glob("streams/*")):
        time.sleep(0.1)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with project_store(load_settings(project.folder)) as store:
        (stream,) = store.followed_streams()
        assert stream.num_rows == 5 and store.dead_leases() == []
