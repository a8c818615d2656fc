"""The step that trains: what it records, what it leaves for TensorBoard, and how it goes on after SIGKILL."""

import json
import os
import shutil
import signal

import pytest

from headrace.training.recording import read_records
from tests.orchestration.processes import call, start, store_of, wait_until
from tests.orchestration.small import month

FLOW = """
    from headrace.testing.stepping import Stepping

    @hr.pipeline
    def flow(pause_s: float = 0.0, steps: int = 12):
        raw = hr.ingest("data/{span}.parquet", label="late", key=["id"], split={"train": 8, "eval": 2})
        graph = hr.transform(lambda x: {"delay": hr.ops.z_score(x.delay), "n": x.n}, raw)
        hr.train(Stepping(num_steps=steps, pause_s=pause_s), graph, raw)
"""


def prepare(project):
    """A pipeline that trains, and a month for it."""
    import pyarrow.parquet as pq

    (project.folder / "data").mkdir()
    pq.write_table(month(1), project.folder / "data" / "01.parquet")
    project.write(FLOW)


def logs_of(project, run):
    """The folder of a run's logs."""
    return project.folder / ".headrace" / "logs" / run


def newest(project):
    """The newest run's id, or None."""
    if not (project.folder / ".headrace" / "metadata.db").exists():
        return None
    with store_of(project) as store:
        runs = store.runs(limit=1)
    return runs[0].run_id if runs else None


def model_of(project, run):
    """The digest of the model a run made."""
    with store_of(project) as store:
        return store.attempts(run, "train")[-1].outputs["model"].digest


def test_a_step_is_recorded_without_being_asked(project):
    """Records lie beside its log, in its result is what it took; no checkpoint and no event file is left."""
    prepare(project)
    run = json.loads(call(project, "run", project.file, "-o", "json")[1])["run"]
    records = list(read_records(logs_of(project, run) / "train.jsonl"))
    assert [record["kind"] for record in records] == ["begin", "parameters", "data", *["step"] * 12, "model"]
    assert records[-1]["digest"] == model_of(project, run)
    with store_of(project) as store:
        (attempt,) = store.attempts(run, "train")
        assert records[0]["attempt_id"] == attempt.attempt_id
        assert records[0]["inputs"]["dataset"] in str(attempt.inputs)
        assert attempt.result["fitting"]["num_steps"] == 12
    assert not (logs_of(project, run) / "train").exists()
    assert not list((project.folder / ".headrace").glob("checkpoints/*"))


def test_events_are_written_where_asked(project):
    """The setting `tensorboard` adds event files in logs/<run>/<step>/."""
    prepare(project)
    code, out = call(project, "run", project.file, "-o", "json", HEADRACE_TENSORBOARD="1")
    assert code == 0
    (events,) = (logs_of(project, json.loads(out)["run"]) / "train").iterdir()
    assert events.name.startswith("events.out.tfevents.")


@pytest.mark.slow
@pytest.mark.parametrize("who", ["runner", "step"])
def test_a_killed_fit_goes_on_and_ends_in_the_same_model(project, tmp_path, who):
    """SIGKILL of the whole run, or of the step's process: resume goes on from the checkpoint, to the same bytes."""
    prepare(project)
    process = start(project, "run", project.file, "--set", "pause_s=0.1")
    folder = project.folder / ".headrace" / "checkpoints"
    wait_until(lambda: list(folder.glob("*/newest")), "a checkpoint")
    run = newest(project)
    records = logs_of(project, run) / "train.jsonl"
    wait_until(lambda: sum(record["kind"] == "step" for record in read_records(records)) >= 3, "three steps")
    if who == "runner":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(next(iter(read_records(records)))["pid"], signal.SIGKILL)
    process.wait(60)
    assert len(list(folder.glob("*/newest"))) == 1
    assert call(project, "resume", run)[0] == 0
    told = list(read_records(records))
    second = max(index for index, record in enumerate(told) if record["kind"] == "begin")
    assert next(record for record in told[second:] if record["kind"] == "step")["step"] >= 3
    assert told[-1]["kind"] == "model"
    assert not list(folder.iterdir())
    resumed = model_of(project, run)
    shutil.rmtree(project.folder / ".headrace")
    code, out = call(project, "run", project.file, "--set", "pause_s=0.1", "-o", "json")
    assert (code, model_of(project, json.loads(out)["run"])) == (0, resumed)


@pytest.mark.slow
def test_logs_follow_a_fit_while_it_runs(project):
    """`logs -f` prints records as they come, and ends with the run; -o json gives each of them."""
    prepare(project)
    process = start(project, "run", project.file, "--set", "pause_s=0.1")
    run = wait_until(lambda: newest(project), "the run")
    code, out = call(project, "logs", run, "train", "-f", "-o", "json")
    assert code == 0 and process.wait(60) == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert [item["record"]["kind"] for item in found] == ["begin", "parameters", "data", *["step"] * 12, "model"]
    code, out = call(project, "logs", run, "-f")
    assert code == 0
    assert "train: parameters  Stepping: num_steps 12" in out and "train: step 11" in out and "train: model  " in out
    code, out = call(project, "logs", run, "train")
    assert [line.split()[0] for line in out.splitlines()] == ["parameters", "data", *["step"] * 12, "model"]
    code, out = call(project, "logs", run, "-o", "json")
    (train,) = [item for item in json.loads(out)["logs"] if item["step"] == "train"]
    assert len(train["records"]) == 16
