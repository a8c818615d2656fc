"""Kept predictions: no model is asked twice about the same rows, and no result tells which were kept."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace import disk
from headrace.engine import LocalEngine, StateCache
from headrace.evaluation import evaluate
from headrace.ingestion import ingest
from headrace.model import Model
from headrace.store.states import States

METRICS = ["roc_auc", "brier"]
SLICES = ["carrier", ["hour", "carrier"]]


@pytest.fixture
def months(tmp_path, table):
    """A function from numbers of months to a data set of these: each 100 rows of the table, in two row groups."""
    for number in range(4):
        with disk.open_to_write(disk.make_folder(tmp_path / "data") / f"{number}.parquet") as file:
            pq.write_table(table.slice(100 * number, 100), file, row_group_size=60)

    def make(first, last, **roles):
        found = ingest(
            str(tmp_path / "data" / "{span}.parquet"),
            spans=[str(number) for number in range(first, last)],
            label="y",
            key=["id"],
            split={"train": 1, "eval": 3},
            **roles,
        )
        assert found.part_digests
        return found

    return make


@pytest.fixture
def engine(tmp_path):
    """A function that makes engines over one folder of states."""
    return lambda: LocalEngine(2, states=StateCache(States(tmp_path / "states", limit_mb=8), code="1"))


@pytest.fixture
def asked(monkeypatch):
    """How many rows each model was asked about, by its digest."""
    counts: dict[str, int] = {}
    real = Model.predict

    def predict(self, rows):
        counts[self.digest] = counts.get(self.digest, 0) + rows.num_rows
        return real(self, rows)

    monkeypatch.setattr(Model, "predict", predict)
    return counts


def judged(dataset):
    """Rows with a label in split eval."""
    return sum(row["y"] is not None for row in dataset.to_arrow("eval").to_pylist())


@pytest.mark.parametrize("weight", [None, "weight"])
def test_the_champion_is_asked_about_the_new_month_alone(make_model, months, engine, asked, weight):
    """What was judged as a candidate is kept: as champion it is asked about rows it never saw, and no others."""
    old, new = make_model(1.0), make_model(0.5)
    evaluate(old, months(0, 3, weight=weight), metrics=METRICS, slices=SLICES, engine=engine())
    assert asked == {old.digest: judged(months(0, 3))}
    asked.clear()
    data = months(1, 4, weight=weight)
    local = engine()
    found = evaluate(new, data, metrics=METRICS, slices=SLICES, champion=old, engine=local)
    assert asked == {new.digest: judged(data), old.digest: judged(months(3, 4))}
    assert local.rows_read == data.to_arrow("eval").num_rows
    assert local.rows_reused == months(1, 3).to_arrow("eval").num_rows
    alone = evaluate(new, data, metrics=METRICS, slices=SLICES, champion=old, engine=LocalEngine(1))
    assert found.digest == alone.digest


def test_nothing_is_read_to_judge_the_same_models_again(make_model, months, engine, asked):
    """The same models and rows under other metrics: predictions, labels and slices are all kept."""
    models = {"model": make_model(0.5), "champion": make_model(1.0)}
    evaluate(**models, dataset=months(0, 3), metrics=METRICS, slices=SLICES, engine=engine())
    asked.clear()
    local = engine()
    found = evaluate(**models, dataset=months(0, 3), metrics=["log_loss"], slices=SLICES, engine=local)
    assert (asked, local.rows_read) == ({}, 0)
    assert found.digest == evaluate(**models, dataset=months(0, 3), metrics=["log_loss"], slices=SLICES).digest
    other = engine()
    evaluate(**models, dataset=months(0, 3), metrics=METRICS, slices=["moment"], engine=other)
    assert other.rows_read > 0, "another column was never kept"


def test_results_have_the_same_bytes_whatever_is_kept(make_model, months, engine, tmp_path):
    """With nothing, all, or any half of the states kept, the evaluation and its files are the same."""
    models = {"model": make_model(0.5), "champion": make_model(1.0)}

    def files(local, name):
        found = evaluate(**models, dataset=months(0, 4), metrics=METRICS, slices=SLICES, engine=local)
        folder = disk.make_folder(tmp_path / name)
        found.save(folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    expected = files(LocalEngine(1), "alone")
    assert files(engine(), "first") == expected
    assert files(engine(), "all") == expected
    for half in (0, 1):
        for path in sorted((tmp_path / "states").rglob("*.1"))[half::2]:
            path.unlink()
        assert files(engine(), f"half {half}") == expected
    for path in sorted((tmp_path / "states").rglob("*.1")):
        path.write_bytes(path.read_bytes()[:-3])
    assert files(engine(), "damaged") == expected


def test_quarantined_rows_have_no_predictions_from_before(make_model, months, engine):
    """Without some rows a part is another part: what was kept of all of them is not used."""
    data = months(0, 2)
    evaluate(make_model(), data, metrics=METRICS, engine=engine())
    fewer = data.select_rows([pa.array([number % 3 > 0 for number in range(100)]).to_numpy(False) for _ in range(2)])
    local = engine()
    found = evaluate(make_model(), fewer, metrics=METRICS, engine=local)
    assert found.digest == evaluate(make_model(), fewer, metrics=METRICS).digest
    assert local.rows_reused == 0


def test_rows_in_memory_are_judged_as_before(make_model, dataset, engine):
    """A table in memory has a digest once it is judged; keeping it changes nothing."""
    expected = evaluate(make_model(), dataset, metrics=METRICS).digest
    assert evaluate(make_model(), dataset, metrics=METRICS, engine=engine()).digest == expected
    assert evaluate(make_model(), dataset, metrics=METRICS, engine=engine()).digest == expected
