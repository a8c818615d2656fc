"""Very wide tables: states wait packed, and what is asked of them is the same to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.fold import Distribution, Rows, encode
from headrace.statistics import Statistics, analysis, analyze
from headrace.statistics._packed import PackedStates, give_back


@pytest.fixture
def wide() -> Dataset:
    """Six columns of many values, of few and of text, each with a null; three are rows' own."""
    rng = np.random.default_rng(3)
    columns = {f"x{place}": pa.array([None, *rng.normal(place, 1, 9_000).tolist()]) for place in range(3)}
    columns |= {f"n{place}": pa.array([None, *rng.integers(0, 9, 9_000).tolist()]) for place in range(2)}
    columns["t"] = pa.array([None, *(f"w{value % 40}" for value in range(9_000))])
    return Dataset.from_arrow(pa.table(columns), split={"train": 3, "eval": 1})


def test_a_wide_table_has_the_same_statistics(wide: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Analysed two columns at a time, packed: the same digest, figures and parts, stored and read again."""
    plain = analyze(wide)
    monkeypatch.setattr(analysis, "COLUMNS_AT_ONCE", 2)
    packed = analyze(wide)
    assert all(isinstance(states, PackedStates) for states in packed.parts.values())
    assert packed.digest == plain.digest and packed.to_plain() == plain.to_plain()
    assert packed.split("eval")["x1"].mean == plain.split("eval")["x1"].mean
    assert Statistics.merge([packed, packed])["n0"].num_rows == 2 * plain["n0"].num_rows
    packed.save(tmp_path)
    assert Statistics.load(tmp_path).digest == plain.digest


def test_what_is_unpacked_is_what_was_packed() -> None:
    """A state of many values is packed small and comes back whole; a small one is kept as it is."""
    folds = [Distribution("x", "number"), Distribution("x", "integer")]
    values = np.random.default_rng(1).normal(size=80_000)
    batches = [pa.record_batch({"x": values}), pa.record_batch({"x": np.arange(5)})]
    states = [fold.add(fold.create(1), Rows(batch), None) for fold, batch in zip(folds, batches, strict=True)]
    packed = PackedStates(zip(folds, states, strict=True))
    assert packed[1] is states[1] and packed[0] is not states[0] and len(packed) == 2
    assert [encode(fold, state) for fold, state in zip(folds, packed, strict=True)] == [
        encode(fold, state) for fold, state in zip(folds, states, strict=True)
    ]
    assert len(packed[0:2]) == 2
    with pytest.raises(IndexError):
        packed[2]
    give_back()  # wherever this runs
