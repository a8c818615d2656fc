"""The request log: what was asked and answered is written, soon, whole, and never in anybody's way."""

import errno
import os
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import disk
from headrace.ingestion import ingest
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn
from headrace.serving._segments import Segment, closed_segments, read_segment, settle
from headrace.serving.core import Served, Serving
from headrace.serving.log import RequestLog
from headrace.serving.reading import read_requests
from headrace.serving.shape import ReadLanes, Shape, to_batch
from tests.serving.conftest import running, wait_until, workers_of

PREDICT = "/v1/models/late:predict"
COLUMNS = (
    InputColumn("carrier", "text"),
    InputColumn("seats", "integer"),
    InputColumn("temp", "number"),
    InputColumn("is_new", "boolean"),
    InputColumn("when", "timestamp"),
    InputColumn("prediction", "number", is_nullable=False),
)
SHAPE = Shape("late", 3, "d" * 64, COLUMNS)


def entry(shape=SHAPE, number=0, rows=1, status=200):
    """An answered request; every other row all null."""
    some = {"carrier": f"A{number}", "seats": number, "temp": 0.5, "is_new": True, "when": "1970-01-01T00:00:01Z"}
    given = [{**(some if row % 2 == 0 else {}), "prediction": float(row)} for row in range(rows)]
    lanes = Codec(COLUMNS).from_rows(given) if status == 200 else None
    answers = np.arange(rows, dtype=np.float32) + number if status == 200 else None
    return (
        shape,
        f"id{number}",
        time.perf_counter_ns(),
        5000,
        status,
        lanes,
        answers,
        None,
        rows if status == 200 else 1,
    )


def written(folder):
    """All rows that can be read, as a list of dicts, oldest first."""
    found = read_requests(folder, "late")
    return [] if found is None else found.to_arrow().sort_by([("event_time_us", "ascending")]).to_pylist()


@pytest.mark.parametrize("sensitive", [(), ("carrier", "seats")])
def test_texts_are_not_made_again(sensitive):
    """Requests that came as columns are written with them: the rows are those of their lanes, whatever is beside."""
    shape = Shape("late", 3, "d" * 64, COLUMNS, sensitive)
    batch = to_batch([entry(number=7, rows=3)], offset_ns=0)
    given = {one.name: batch.column(Shape.name_of(one.name)) for one in COLUMNS}
    tables = [
        pa.table(given),
        pa.table({**given, "carrier": given["carrier"].cast(pa.string())}),
        pa.table({**given, "carrier": given["carrier"].dictionary_encode()}),
        pa.table({**given, "carrier": pa.nulls(3)}),
        pa.concat_tables([pa.table(given).slice(0, 1), pa.table(given).slice(1)]),
    ]
    codec = Codec(COLUMNS)
    plain = [codec.from_batch(table) for table in tables]
    kept = [ReadLanes.of(lanes, table) for lanes, table in zip(plain, tables, strict=True)]
    assert kept[0].texts["carrier"].equals(given["carrier"]) and not kept[2].texts and not kept[4].texts

    def rows(lanes):
        answers = np.zeros(3, np.float32)
        entries = [(shape, f"id{place}", 0, 5, 200, one, answers, None, 3) for place, one in enumerate(lanes)]
        return to_batch(entries, offset_ns=0)

    for chosen in ([0], [1], [0, 1], [0, 2], [1, 3, 0], [4, 0]):
        expected = rows([plain[place] for place in chosen])
        assert rows([kept[place] for place in chosen]).equals(expected)
        assert rows([kept[chosen[0]], *[plain[place] for place in chosen[1:]]]).equals(expected)


def test_a_run_that_was_ended_leaves_what_it_asked():
    """Many rows whose run came to nothing (late, its caller gone) are written with inputs, and spoil no other's."""
    served, kept = Served("late", 3, "d" * 64, None, SHAPE), []
    serving = Serving(type("Kept", (), {"take": staticmethod(kept.append)})())
    lanes = entry(rows=3)[5]
    serving.note(served, time.perf_counter_ns(), 504, lanes)
    batch = to_batch([entry(number=7, rows=2), *kept, entry(number=8, status=400)], offset_ns=0)
    batch.validate(full=True)
    assert batch.column("prediction").to_pylist() == [7.0, 8.0, None, None, None, None]
    assert batch.column("request_status").to_pylist() == [200, 200, 504, 504, 504, 400]
    assert batch.column("request_row").to_pylist() == [0, 1, 0, 1, 2, 0]
    assert batch.column("input_prediction").to_pylist() == [0.0, 1.0, 0.0, 1.0, 2.0, None]


def test_a_batch_holds_what_was_asked_and_answered():
    """Every kind of column, nulls in each, many rows a request, a refused one between: nothing is lost or moved."""
    batch = to_batch([entry(number=7, rows=3), entry(number=8, status=400), entry(number=9)], offset_ns=0)
    batch.validate(full=True)
    assert batch.schema == SHAPE.schema
    found = batch.to_pylist()
    assert [(row["request_id"], row["request_row"]) for row in found] == [
        ("id7", 0),
        ("id7", 1),
        ("id7", 2),
        ("id8", 0),
        ("id9", 0),
    ]
    assert [row["carrier"] for row in found] == ["A7", None, "A7", None, "A9"]
    assert [row["seats"] for row in found] == [7, None, 7, None, 9]
    assert [row["temp"] for row in found] == [0.5, None, 0.5, None, 0.5]
    assert [row["is_new"] for row in found] == [True, None, True, None, True]
    assert [None if row["when"] is None else row["when"].second for row in found] == [1, None, 1, None, 1]
    assert [row["input_prediction"] for row in found] == [0.0, 1.0, 2.0, None, 0.0]
    assert [row["prediction"] for row in found] == [7.0, 8.0, 9.0, None, 9.0]
    assert [row["request_status"] for row in found] == [200, 200, 200, 400, 200]
    assert [row["request_is_sampled"] for row in found] == [True, True, True, False, True]
    assert {row["request_latency_us"] for row in found} == {5}
    assert {row["request_arm"] for row in found} == {None}


def test_sensitive_columns_are_masked():
    """A sensitive column is null in every row, and each row says which are."""
    shape = Shape("late", 3, "d" * 64, COLUMNS, ("seats", "carrier", "elsewhere"))
    batch = to_batch([entry(shape, number) for number in range(5)], offset_ns=0)
    assert batch.column("seats").null_count == batch.column("carrier").null_count == 5
    assert batch.column("temp").null_count == 0


@pytest.mark.parametrize("sample", [0.0, 0.3, 1.0])
def test_a_sample_is_drawn_by_the_requests_id(sample):
    """About that share of requests has its inputs, all rows of a request or none; the same ids always the same."""
    entries = [entry(number=number, rows=2) for number in range(2000)]
    table = pa.table(to_batch(entries, offset_ns=0, sample=sample))
    chosen = table["request_is_sampled"].to_numpy().reshape(-1, 2)
    assert (chosen[:, 0] == chosen[:, 1]).all()
    assert abs(chosen[:, 0].mean() - sample) < 0.05
    assert table["input_prediction"].is_valid().to_pylist() == chosen.ravel().tolist()
    assert table["prediction"].null_count == 0
    again = to_batch(entries[500:], offset_ns=0, sample=sample)
    assert again.column("request_is_sampled").to_pylist() == chosen[500:].ravel().tolist()


def test_written_within_a_second_and_read_while_it_goes_on(tmp_path):
    """What was taken can be read within the documented second, before and after its segment is closed."""
    log = RequestLog(tmp_path)
    try:
        for number in range(3):
            log.take(entry(number=number, rows=2))
        wait_until(lambda: len(written(tmp_path)) == 6, timeout_s=5)
        before = written(tmp_path)
        assert closed_segments(tmp_path) == []
    finally:
        log.close()
    (path,) = closed_segments(tmp_path)
    assert written(tmp_path) == before
    (parquet,) = settle(tmp_path)
    assert not path.exists()
    assert written(tmp_path) == before
    assert settle(tmp_path) == []
    dataset = ingest(str(tmp_path / "late" / "{span}" / "*.parquet"))
    assert [span.name for span in dataset.spans] == [parquet.parent.name]
    assert dataset.num_rows == 6
    assert before[0]["request_masked"] is None
    assert (before[0]["request_endpoint"], before[0]["request_version"]) == ("late", 3)


def test_a_full_queue_drops_and_counts(tmp_path):
    """What finds no room is dropped, never waited for, and the next row written says how many were lost."""
    log = RequestLog(tmp_path, queue_rows=10, flush_s=3600)
    for number in range(14):
        log.take(entry(number=number))
    assert log.num_dropped == 4
    log.flush()
    log.take(entry(number=99))
    log.close()
    found = written(tmp_path)
    assert len(found) == 11
    assert sum(row["request_num_dropped"] for row in found) == 4


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_drops_and_counts(tmp_path, monkeypatch, error, capsys):
    """While the disk is full rows are dropped and counted, said once; once it is not the log goes on, nothing torn."""
    log = RequestLog(tmp_path, flush_s=3600)
    log.take(entry(number=1))
    log.flush()

    def refuse(*_):
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "_write", refuse)
        for number in (2, 3):
            log.take(entry(number=number, rows=2))
            log.flush()
    assert log.num_dropped == 4
    assert capsys.readouterr().err.count("dropped and counted") == 1
    log.take(entry(number=4))
    log.close()
    found = written(tmp_path)
    assert [row["request_id"] for row in found] == ["id1", "id4"]
    assert [row["request_num_dropped"] for row in found] == [0, 4]
    settle(tmp_path)
    assert written(tmp_path) == found


def test_a_torn_tail_is_left_out(tmp_path):
    """A segment cut off at any byte gives its whole batches and nothing else."""
    segment = Segment(tmp_path, SHAPE.schema, endpoint="late", version=3, hour="2026-01-01T00")
    ends = []
    for number in range(3):
        segment.add(to_batch([entry(number=number)], offset_ns=0))
        segment.sync()
        ends.append(segment.path.stat().st_size)
    segment.close()
    data = segment.path.read_bytes()
    torn = tmp_path / "torn.arrows"
    for cut in range(0, len(data), 17):
        torn.write_bytes(data[:cut])
        table = read_segment(torn)
        assert (0 if table is None else table.num_rows) == sum(cut >= end for end in ends), cut


def test_versions_with_other_columns_lie_apart(tmp_path):
    """An hour in which a column was added is two spans, each of one shape."""
    log = RequestLog(tmp_path)
    log.take(entry())
    other = Shape("late", 4, "e" * 64, COLUMNS[:2])
    log.take((other, *entry(number=1)[1:]))
    log.close()
    assert read_requests(tmp_path, "late").uneven_columns.keys() == {"temp", "is_new", "when", "input_prediction"}
    settle(tmp_path)
    dataset = ingest(str(tmp_path / "late" / "{span}" / "*.parquet"))
    assert sorted(len(span.arrow_schema.names) for span in dataset.spans) == [17, 21]
    assert read_requests(tmp_path, "late", version=4).num_rows == 1
    assert read_requests(tmp_path, "late", version=4).uneven_columns == {}


def test_only_few_segments_are_open(tmp_path):
    """Many versions in one hour do not hold many files open; nothing of them is lost."""
    log = RequestLog(tmp_path, flush_s=3600)
    for version in range(1, 12):
        log.take((Shape("late", version, "d" * 64, COLUMNS), *entry(number=version)[1:]))
        log.flush()
        assert len(log._segments) <= 4
    log.close()
    assert sorted(row["request_version"] for row in written(tmp_path)) == list(range(1, 12))


def test_a_keeper_killed_between_its_steps_loses_and_doubles_nothing(tmp_path):
    """Parquet written and the segment still there: read once, and settled again to the same file."""
    log = RequestLog(tmp_path)
    log.take(entry(rows=2))
    log.close()
    (path,) = closed_segments(tmp_path)
    data = path.read_bytes()
    settle(tmp_path)
    path.write_bytes(data)
    assert len(written(tmp_path)) == 2
    settle(tmp_path)
    assert len(written(tmp_path)) == 2
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_what_is_no_segment_is_set_aside(tmp_path, capsys):
    """A damaged file stops nothing: it is renamed and named."""
    log = RequestLog(tmp_path)
    log.take(entry())
    log.close()
    (path,) = closed_segments(tmp_path)
    bad = path.with_name(path.name[:-12] + "000000.arrows")
    bad.write_bytes(bytes(range(255, -1, -1)) * 512)
    settle(tmp_path)
    assert bad.with_suffix(".damaged").exists()
    assert "set aside" in capsys.readouterr().err
    assert len(written(tmp_path)) == 1


def test_the_core_without_a_log_only_counts():
    """Without a journal a request still gets an id of its own."""
    serving = Serving()
    served = Served("late", 1, "d", None)
    assert serving.note(served, 0, 200) != serving.note(served, 0, 200)


@pytest.mark.slow
def test_served_requests_are_a_data_set(pushed, home):
    """What clients sent and got is in the log: rows, predictions, ids, versions, refusals; Parquet at the end."""
    rows = pushed.rows()
    with running(home, workers=2) as (client, _):
        sent = {}
        for start, count in ((0, 1), (1, 1), (2, 37), (39, 300)):
            answer = client.post(PREDICT, json={"instances": rows[start : start + count]})
            sent[answer.headers["headrace-request-id"]] = (start, count, answer.json()["predictions"])
        refused = client.post(PREDICT, json={"instances": [{**rows[0], "delay": "late"}]})
        assert client.post("/v1/models/nobody:predict", json={"instances": rows[:1]}).status_code == 404
        wait_until(lambda: len(written(home / "requests")) == 340)
    dataset = ingest(str(home / "requests" / "late" / "{span}" / "*.parquet"))
    assert closed_segments(home / "requests") == []
    table = dataset.to_arrow()
    assert table.num_rows == 340
    names = [column.name for column in pushed.model.columns]
    for identity, (start, count, predictions) in sent.items():
        mine = table.filter(pa.compute.equal(table["request_id"], identity)).sort_by("request_row")
        assert mine["request_row"].to_pylist() == list(range(count))
        assert mine["prediction"].to_pylist() == np.array(predictions, np.float32).tolist()
        truth = pushed.table.slice(start, count)
        for name in names:
            assert mine[name].to_pylist() == truth[name].to_pylist(), name
    last = table.filter(pa.compute.equal(table["request_id"], refused.headers["headrace-request-id"])).to_pylist()
    assert [(row["request_status"], row["prediction"], row["request_is_sampled"]) for row in last] == [
        (400, None, False)
    ]
    assert set(table["request_version"].to_pylist()) == {1}
    statistics = hr.analyze(dataset)
    assert statistics["delay"].num_rows == 340


@pytest.mark.slow
def test_kill_loses_at_most_the_last_second(pushed, home):
    """kill -9 of a worker: all that was answered a second before is there, and the next start makes it Parquet."""
    body = {"instances": pushed.rows()[:1]}
    with running(home) as (client, process):
        identities = [client.post(PREDICT, json=body).headers["headrace-request-id"] for _ in range(50)]
        time.sleep(1.0)
        (worker,) = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        process.kill()
        process.wait()
    assert {row["request_id"] for row in written(home / "requests")} >= set(identities)
    with running(home):
        wait_until(lambda: not closed_segments(home / "requests"))
    found = ingest(str(home / "requests" / "late" / "{span}" / "*.parquet")).to_arrow()
    assert set(found["request_id"].to_pylist()) >= set(identities)
    assert found.num_rows == 50


@pytest.mark.slow
def test_no_log_when_it_is_off(pushed, home):
    """log_requests = false writes nothing at all."""
    with running(home, environment={"HEADRACE_LOG_REQUESTS": "false"}) as (client, _):
        assert client.post(PREDICT, json={"instances": pushed.rows()[:1]}).status_code == 200
    assert not list(Path(home / "requests").rglob("*.arrows"))
    assert read_requests(home / "requests", "late") is None
