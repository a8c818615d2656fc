"""Shelf: rows that lie on disk are the rows that lie in memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.evaluation import _shelf, evaluate, evaluate_predictions
from headrace.evaluation._shelf import Shelf


@pytest.fixture
def small(monkeypatch):
    """Parts of a few rows."""
    monkeypatch.setattr(_shelf, "_PART_ROWS", 70)


@pytest.fixture
def on_disk(monkeypatch, small):
    """Every evaluation puts its rows on disk."""
    monkeypatch.setattr(Shelf, "of", classmethod(lambda cls, num_rows: cls(is_on_disk=num_rows > 0)))


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_blocks_become_one_array(is_on_disk):
    """Of any type and width, no rows among them, let go of or not; on disk nobody can change it."""
    shelf = Shelf(is_on_disk=is_on_disk)
    for blocks in (
        [np.arange(3.0), np.zeros(0), np.ones(2)],
        [np.arange(4, dtype=np.int32)],
        [np.arange(6.0).reshape(3, 2), np.ones((1, 2))],
        [np.zeros(0)],
    ):
        found = shelf.put(iter(blocks))
        shelf.let_go()
        assert found.dtype == blocks[0].dtype
        assert np.array_equal(found, np.concatenate(blocks))
        assert not is_on_disk or not len(found) or not found.flags.writeable


def test_tables_become_one(small):
    """Nulls, texts and dictionaries that differ from table to table come back; a table without rows has its columns."""
    tables = [
        pa.table({"x": [1.0, None], "t": ["a", None], "d": pa.array(["u", "v"]).dictionary_encode()}),
        pa.table({"x": [2.0], "t": ["b"], "d": pa.array(["w"]).dictionary_encode()}),
    ]
    shelf = Shelf(is_on_disk=True)
    found = shelf.table(iter(tables))
    shelf.let_go()
    assert found.to_pylist() == pa.concat_tables(tables).to_pylist()
    assert shelf.table([tables[0].slice(0, 0)]).schema == tables[0].schema


def test_columns_come_as_one_array():
    """Numbers, lists of them, slices, nulls and texts."""
    shelf = Shelf(is_on_disk=True)
    numbers = pa.array([0.5, 1.5, 2.5], pa.float32())
    lists = pa.array([[0.5, 0.25], [1.0, 0.0]], pa.list_(pa.float32(), 2))
    for chunks in (
        [numbers, numbers.slice(1, 2)],
        [lists, lists.slice(1)],
        [numbers, pa.array([None], pa.float32())],
        [lists, pa.array([[None, 1.0]], lists.type)],
        [pa.array(["a"]), pa.array([None, "b"])],
    ):
        column = pa.chunked_array(chunks)
        found = shelf.column(column)
        assert found.type == column.type
        assert isinstance(found, pa.Array)
        assert found.to_pylist() == column.to_pylist()


def test_the_setting_decides(monkeypatch):
    """Few rows stay in memory; rows that would take more than a quarter of `memory_mb` do not."""
    assert not Shelf.of(1_000).is_on_disk
    monkeypatch.setenv("HEADRACE_MEMORY_MB", "16")
    assert not Shelf.of(16 * 2**20 // 4 // 64).is_on_disk
    assert Shelf.of(16 * 2**20 // 4 // 64 + 1).is_on_disk


def rows(num_rows, *, classes=0):
    """Labels, some missing, predictions, weights, queries and what to cut by."""
    generator = np.random.default_rng(7)
    label = generator.integers(0, max(classes, 2), num_rows).astype(float)
    scores = np.round(generator.random((num_rows, max(classes, 1))), 2) + 0.01
    shares = pa.array((scores / scores.sum(axis=1, keepdims=True)).tolist()) if classes else pa.array(scores[:, 0])
    text = np.array(["a", "b", "c"])[generator.integers(0, 3, num_rows)]
    chunks = [pa.array(part).dictionary_encode() for part in np.array_split(text, 3)]
    return pa.table(
        {
            "y": pa.array(np.where(generator.random(num_rows) < 0.1, np.nan, label)),
            "p": shares,
            "w": generator.integers(0, 4, num_rows) / 4.0,
            "q": generator.integers(0, 40, num_rows),
            "text": pa.chunked_array(chunks),
            "x": pa.array([None if one < 0.1 else one for one in generator.random(num_rows).tolist()]),
        }
    )


def test_a_models_evaluation_on_disk_is_the_same(request, make_model, dataset):
    """With a champion, row ids and spans."""

    def found():
        metrics = ["roc_auc", "brier", "recall"]
        return evaluate(make_model(1.5), dataset, metrics=metrics, slices=["carrier"], champion=make_model(0.5))

    expected = found()
    request.getfixturevalue("on_disk")
    assert found().digest == expected.digest


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize(
    ("metrics", "given"),
    [
        (["roc_auc", "log_loss", "precision", "accuracy", "average_precision", "mean_absolute_error"], {}),
        (["accuracy", "log_loss", "f1_macro", "roc_auc_ovr"], {"classes": 3}),
        (["ndcg"], {"query": "q"}),
    ],
)
def test_an_evaluation_on_disk_is_the_same(request, metrics, given, weight):
    """To the digest: metrics, intervals, predictions; with missing labels, weights, cuts by texts and by ranges."""
    table = rows(300, classes=given.get("classes", 0))
    asked = {"label": "y", "prediction": "p", "weight": weight, "metrics": metrics, "slices": ["text", {"x": [0.5]}]}
    asked |= {name: one for name, one in given.items() if name != "classes"}
    expected = evaluate_predictions(table, **asked)
    request.getfixturevalue("on_disk")
    found = evaluate_predictions(table, **asked)
    assert found.digest == expected.digest
    assert found.predictions.equals(expected.predictions)
    assert all(column.num_chunks == 1 for column in found.predictions.columns)
