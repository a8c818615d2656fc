"""Counts that outgrow memory: the same state, the same answer, whatever lies on disk."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace import settings
from headrace.dataset import Dataset
from headrace.engine import LocalEngine
from headrace.fold import Counts, Rows, SpilledCountsResult, decode, encode
from headrace.fold import _spilling as spilling
from headrace.fold import counts as counts_module
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws
from headrace.transformation import ops, transform


@pytest.fixture
def tiny(monkeypatch):
    """A limit that a few texts reach, and runs that are merged early."""
    monkeypatch.setattr(counts_module, "spill_limit_bytes", lambda: 60)
    monkeypatch.setattr(spilling, "_PIECE_ROWS", 3)
    monkeypatch.setattr(spilling, "_MOST_RUNS", 4)


@pytest.mark.usefixtures("tiny")
class TestSpilledTextLaws(FoldLaws):
    """The laws on texts of which most are on disk."""

    folds = (Counts("x", "text"),)
    rows = strategies.rows({"x": "text"})


@pytest.mark.usefixtures("tiny")
class TestSpilledIntegerLaws(FoldLaws):
    """The laws on integers."""

    folds = (Counts("x", "integer"),)
    rows = strategies.rows({"x": "integer"})


@pytest.mark.usefixtures("tiny")
class TestSpilledNumberLaws(FoldLaws):
    """The laws on numbers, infinities among them."""

    folds = (Counts("x", "number"),)
    rows = strategies.rows({"x": "number"})


def words(num_rows=6000, seed=5):
    """Texts of which many are rare and some are null."""
    random = np.random.default_rng(seed)
    places = (random.pareto(0.5, num_rows) * 3).astype(np.int64) % 4000
    return pa.table({"x": pa.array([f"word {place}é" for place in places], mask=random.random(num_rows) < 0.05)})


def folded(table, fold, batch_rows):
    """One state of a table."""
    state = fold.create(1)
    for batch in table.to_batches(max_chunksize=batch_rows):
        state = fold.add(state, Rows(batch), None)
    return state


@pytest.mark.parametrize("batch_rows", [10_000, 700, 64])
def test_state_and_answer_are_those_of_memory(monkeypatch, batch_rows):
    """What was spilled encodes as if it had not been, and its pieces are the values and counts in order."""
    fold, table = Counts("x", "text"), words()
    expected = encode(fold, folded(table, fold, 10_000))
    values, counts = fold.extract(folded(table, fold, 10_000))[0]
    monkeypatch.setattr(counts_module, "spill_limit_bytes", lambda: 8_000)
    state = folded(table, fold, batch_rows)
    assert state.is_spilled
    result = fold.extract(state)
    assert isinstance(result, SpilledCountsResult)
    found = [piece for piece in result[0].pieces() if len(piece[0])]
    assert pa.concat_arrays([piece for piece, _ in found]).equals(values)
    assert np.concatenate([piece for _, piece in found]).tolist() == counts.tolist()
    assert encode(fold, state) == expected
    assert not state.is_spilled, "encoding brings all of it back"
    assert encode(fold, decode(fold, expected)) == expected


def test_groups_that_are_renumbered(monkeypatch):
    """Merging a spilled state into other groups moves each of its entries."""
    fold, table = Counts("x", "text"), words(900)
    groups = np.arange(900, dtype=np.int32) % 3
    target = np.array([2, 0, 2], np.int32)

    def merged():
        left, right = fold.create(4), fold.create(3)
        batch = table.combine_chunks().to_batches()[0]
        left = fold.add(left, Rows(batch), np.full(900, 3, np.int32))
        return encode(fold, fold.merge(left, fold.add(right, Rows(batch), groups), target))

    expected = merged()
    monkeypatch.setattr(counts_module, "spill_limit_bytes", lambda: 500)
    assert merged() == expected


def test_the_engines_threads_and_a_vocabulary_by_duckdb(monkeypatch, tmp_path):
    """Several threads that spill come to the vocabulary that DuckDB counts."""
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.setattr(counts_module, "spill_limit_bytes", lambda: 10_000)
    table = words(20_000)
    dataset = Dataset.from_arrow(pa.Table.from_batches(table.to_batches(max_chunksize=1500)))
    state = LocalEngine(workers=3).fold([Counts("x", "text")], dataset, dataset.parts())[0]
    assert state.is_spilled
    graph = transform(lambda x: {"x": ops.vocabulary(x.x, top_k=100, min_count=2)}, dataset)
    (constants,) = graph.to_plain()["constants"].values()
    asked = "select x from t where x is not null group by x having count(*) >= 2 order by count(*) desc, x limit 100"
    with duckdb.connect() as connection:
        connection.register("t", table)
        assert constants["values"] == [row[0] for row in connection.execute(asked).fetchall()]


def test_other_ops_read_pieces(monkeypatch):
    """Encoding by count, and the most frequent text, are those of memory."""
    dataset = Dataset.from_arrow(words(3000))

    def features(x):
        filled = ops.vocabulary(ops.impute(x.x, strategy="mode"))
        return {"count": ops.count_encode(x.x, min_count=2), "v": ops.vocabulary(x.x), "mode": filled}

    expected = transform(features, dataset).to_plain()
    monkeypatch.setattr(counts_module, "spill_limit_bytes", lambda: 3_000)
    assert transform(features, dataset).to_plain() == expected


def test_the_setting_bounds_it(monkeypatch):
    """A twelfth of memory_mb for each thread; what is kept on disk has no name there."""
    monkeypatch.setenv("HEADRACE_MEMORY_MB", "64")
    monkeypatch.setenv("HEADRACE_WORKERS", "4")
    spilling._memory_mb.cache_clear()
    try:
        assert settings.load_settings().memory_mb == 64
        monkeypatch.setattr(spilling, "_large", set())
        assert spilling.spill_limit_bytes() == (64 << 20) // 12 // 4
        states = [Counts("x", "text").create(1) for _ in range(6)]
        for state in states:
            spilling.watch_size(state, 2 << 20)
            spilling.watch_size(state, 3 << 20)
        assert spilling.spill_limit_bytes() == (64 << 20) // 12 // 6, "six large states share it"
        spilling.watch_size(Counts("x", "text").create(1), 1000)
        del state, states[1:]
        assert spilling.spill_limit_bytes() == (64 << 20) // 12 // 4, "those that are gone leave it to the others"
    finally:
        spilling._memory_mb.cache_clear()


def test_kept_states_leave_spilled_ones_out(monkeypatch, tmp_path):
    """What would have to come back to memory is not kept, and the next pass reads the rows again."""
    from headrace.engine import StateCache
    from headrace.store.states import States

    dataset = Dataset.from_arrow(words(2000), label=None)
    fold = Counts("x", "text")
    expected = encode(fold, LocalEngine(workers=1).fold([fold], dataset, dataset.parts())[0])
    assert dataset.summary is not None, "digests, so that states can be kept"
    monkeypatch.setattr(counts_module, "spill_limit_bytes", lambda: 3_000)
    for _ in range(2):
        engine = LocalEngine(workers=1, states=StateCache(States(tmp_path, limit_mb=64), code="1"))
        state = engine.fold([fold], dataset, dataset.parts())[0]
        assert state.is_spilled
        assert engine.rows_reused == 0
        assert encode(fold, state) == expected
