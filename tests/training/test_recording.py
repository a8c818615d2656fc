"""Records of a fit: what is in them, that they never stop one, and that no byte of them is in a model."""

import json
import logging

import numpy as np
import pytest

import headrace as hr
from headrace import disk
from headrace.errors import InvalidInput
from headrace.testing.stepping import Stepping
from headrace.testing.trainer_cases import NumberGraph, numbers_table, random_features
from headrace.training import train
from headrace.training.events import EventFile
from headrace.training.recording import Recorder, read_records


def data(num_rows=200):
    """A graph and a data set with training and validation rows."""
    features = random_features(num_rows)
    table = numbers_table(features.matrix).append_column("late", [features.label])
    return NumberGraph(5), hr.Dataset.from_arrow(table, label="late", split={"train": 8, "validation": 2})


def test_a_fit_is_told_from_beginning_to_end(tmp_path):
    """Who and where, parameters, data by digest, each step with its rate and memory, the model by digest."""
    path = tmp_path / "train.jsonl"
    recorder = Recorder(path, attempt_id="a1", step="train", inputs={"dataset": "d1"})
    model = train(Stepping(num_steps=4), *data(), recorder=recorder)
    records = list(read_records(path))
    assert [record["kind"] for record in records] == ["begin", "parameters", "data", *["step"] * 4, "model"]
    begin, parameters, described, *steps, end = records
    assert (begin["attempt_id"], begin["inputs"], begin["step"]) == ("a1", {"dataset": "d1"}, "train")
    assert (parameters["trainer"], parameters["num_steps"]) == ("Stepping", 4)
    assert described["parts"] == model.signature.fitted_parts
    assert described["num_rows"] + described["num_validation_rows"] >= 200 - 1
    assert [step["step"] for step in steps] == [0, 1, 2, 3]
    assert all(set(step) == {"time_us", "kind", "step", "values", "seconds", "steps_per_s", "rss_mb"} for step in steps)
    assert all(step["rss_mb"] > 10 and step["steps_per_s"] > 0 for step in steps)
    assert (end["digest"], end["num_steps"]) == (model.digest, 4)
    assert end["peak_rss_mb"] >= 10
    times = [record["time_us"] for record in records]
    assert times == sorted(times)


def test_no_measurement_is_in_the_model(tmp_path):
    """With a recorder or without, the model has the same bytes."""
    plain = train(Stepping(num_steps=4), *data())
    recorded = train(Stepping(num_steps=4), *data(), recorder=Recorder(tmp_path / "x", events=tmp_path / "events"))
    for model in (plain, recorded):
        model.save(tmp_path / str(id(model)))
    first, second = (tmp_path / str(id(model)) for model in (plain, recorded))
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_a_fit_that_diverges_is_recorded_to_its_last_step(tmp_path):
    """The record has the value that ended it; one that is no number is a text, as JSON has none."""
    path = tmp_path / "train.jsonl"
    with pytest.raises(InvalidInput, match="diverges"):
        train(Stepping(learning_rate=1e6, num_steps=50), *data(), recorder=Recorder(path))
    last = list(read_records(path))[-1]
    assert last["kind"] == "step" and last["values"]["train"] > 3.4e38
    Recorder(path).report(0, {"a": float("nan"), "b": float("-inf")})
    assert list(read_records(path))[-1]["values"] == {"a": "nan", "b": "-inf"}
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_disk_that_refuses_stops_no_fit(tmp_path, monkeypatch, capfd):
    """It is said once, and the model is made."""
    recorder = Recorder(tmp_path / "train.jsonl", events=tmp_path / "events")

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "_write", full)
    assert train(Stepping(num_steps=3), *data(), recorder=recorder).digest
    assert capfd.readouterr().err.count("what is measured is not recorded") == 1


def test_a_torn_line_is_left_out(tmp_path):
    """What a kill cut short is not read, what a later attempt added is."""
    path = tmp_path / "train.jsonl"
    assert list(read_records(path)) == []
    path.write_bytes(b'{"kind": "begin"}\n{"kind": "st\n{"kind": "begin", "attempt_id": "2"}\n3\n{"kin')
    assert [record.get("attempt_id") for record in read_records(path)] == [None, "2"]


def test_tensorboard_reads_what_we_write(tmp_path):
    """Its own reader, which checks every checksum, finds each curve, point and step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    folder = tmp_path / "train"
    train(Stepping(num_steps=5), *data(), recorder=Recorder(tmp_path / "train.jsonl", events=folder))
    file = EventFile(folder)
    file.add(1 << 40, {"ß": -0.5, "y": 3e38})
    file.add(7, {})
    found = EventAccumulator(str(folder))
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"train", "process/steps_per_s", "process/rss_mb", "ß", "y"}
    records = [record for record in read_records(tmp_path / "train.jsonl") if record["kind"] == "step"]
    assert [(event.step, event.value) for event in found.Scalars("train")] == [
        (record["step"], float(np.float32(record["values"]["train"]))) for record in records
    ]
    assert [(event.step, event.value) for event in found.Scalars("ß")] == [(1 << 40, -0.5)]
    assert all(event.wall_time > 1.6e9 for event in found.Scalars("y"))
