"""The local engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataset import Dataset
from headrace.engine import Local, Work
from headrace.errors import InvalidInput, Misuse
from headrace.fold import ROW_ID, Counts, Distribution, Fold, Groups, Rows, State, encode
from headrace.slicing import SliceSpec
from headrace.testing.engine_cases import FOLDS, EngineCases, make_rows


class TestLocal(EngineCases):
    """The laws of engines, on 1, 2 and 4 threads."""

    engines = (Local(1), Local(2), Local(4))


@dataclass
class _Seen(State):
    values: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0))

    @property
    def num_groups(self) -> int:
        return 1


@dataclass(frozen=True)
class _InOrder(Fold[_Seen, Any]):
    """The ids in the order in which they came: cannot be commutative."""

    ordered = True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("id",)

    def create(self, num_groups: int) -> _Seen:
        return _Seen()

    def add(self, state: _Seen, rows: Rows, groups: Groups | None) -> _Seen:
        return _Seen(np.concatenate([state.values, rows.batch.column("id").to_numpy(zero_copy_only=False)]))

    def merge(self, left: _Seen, right: _Seen, groups: Groups) -> _Seen:
        return _Seen(np.concatenate([left.values, right.values]))

    def extract(self, state: _Seen) -> Any:
        return state.values


@dataclass(frozen=True)
class _Failing(Work):
    @property
    def columns(self) -> tuple[str, ...]:
        return ("id",)

    def __call__(self, rows: Rows) -> Rows:
        raise ZeroDivisionError("this work fails")


@dataclass(frozen=True)
class _Same(Work):
    """Changes nothing, and so asks for whole rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("id",)

    def __call__(self, rows: Rows) -> Rows:
        return rows


@dataclass(frozen=True)
class _Dropping(Work):
    """Leaves out rows, and their ids with them."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("id", ROW_ID)

    def __call__(self, rows: Rows) -> Rows:
        return Rows(rows.batch.slice(1))


def test_large_tables_are_cut_into_pieces() -> None:
    """A table of several pieces, folded on many threads, gives what one thread gives."""
    table = make_rows(400_000)
    data = Dataset.from_arrow(table, key=["id"], split={"train": 8, "eval": 2})
    assert data.num_pieces(data.parts()[0]) >= 4
    specs = [SliceSpec(("hour", "carrier"))]
    one, four = Local(1), Local(4)
    for parts in (data.parts(), data.parts("train")):
        for left, right, fold in zip(one.fold(FOLDS, data, parts), four.fold(FOLDS, data, parts), FOLDS, strict=True):
            assert encode(fold, left) == encode(fold, right)
    (left,), (right,) = (engine.fold_by_key(FOLDS, specs, data, data.parts("eval")) for engine in (one, four))
    assert left.keys.equals(right.keys)
    for fold, a, b in zip(FOLDS, left.states, right.states, strict=True):
        assert encode(fold, a) == encode(fold, b)


def test_ordered_folds_are_merged_in_the_order_of_parts() -> None:
    """A fold that cannot be commutative sees rows in the source's order, on any number of threads."""
    table = pa.table({"id": np.arange(300_000)})
    data = Dataset.from_arrow(table)
    for workers in (1, 4):
        (state,) = Local(workers).fold([_InOrder()], data, data.parts())
        assert isinstance(state, _Seen)
        assert np.array_equal(state.values, np.arange(300_000))


def test_a_failing_work_stops_the_pass() -> None:
    """An error on a thread reaches the caller as it was raised, and no thread is left behind."""
    data = Dataset.from_arrow(make_rows(300_000))
    for workers in (1, 3):
        with pytest.raises(ZeroDivisionError, match="this work fails"):
            Local(workers).fold([Counts("id", "integer")], data, data.parts(), through=_Failing())
        with pytest.raises(ZeroDivisionError, match="this work fails"):
            list(Local(workers).map(_Failing(), data, data.parts()))


def test_rows_without_their_ids_are_refused() -> None:
    """A work that leaves rows out must leave out their ids as well, or nothing would match."""
    data = Dataset.from_arrow(make_rows(10))
    with pytest.raises(Misuse, match="lost their ids"):
        list(Local(1).map(_Dropping(), data, data.parts()))


def test_grouping_knows_each_kind() -> None:
    """Booleans, timestamps, floats (one zero, one NaN), integers of any width and null columns make groups."""
    table = pa.table(
        {
            "b": pa.array([True, False, None, True]),
            "t": pa.array([2, 1, None, 2], pa.timestamp("s")),
            "f": pa.array([0.0, -0.0, float("nan"), float("nan")]),
            "i": pa.array([5, -1, None, 5], pa.int8()),
            "n": pa.nulls(4),
            "d": pa.array(["x", "é", None, "x"]).dictionary_encode(),
        }
    )
    data = Dataset.from_arrow(table)
    found = {name: Local(2).fold_by_key([], [SliceSpec((name,))], data, data.parts())[0] for name in table.column_names}
    assert found["b"].keys["b"].to_pylist() == [False, True, None]
    assert found["t"].keys["t"].cast(pa.int64()).to_pylist() == [1_000_000, 2_000_000, None]
    assert found["f"].num_rows.tolist() == [2, 2]
    assert str(found["f"].keys["f"].to_pylist()) == "[0.0, nan]"
    assert found["i"].keys["i"].to_pylist() == [-1, 5, None]
    assert found["n"].keys["n"].to_pylist() == [None]
    assert found["d"].keys["d"].to_pylist() == ["x", "é", None]


def test_lists_cannot_be_grouped_by() -> None:
    """A key column of a type without order is refused by name."""
    data = Dataset.from_arrow(pa.table({"l": pa.array([[1], [2]])}))
    with pytest.raises(InvalidInput, match="'l'"):
        Local(1).fold_by_key([], [SliceSpec(("l",))], data, data.parts())


def test_groups_are_those_of_counting_by_hand() -> None:
    """Narrow and wide integers, text, numbers and nulls, whose values come batch after batch, on several threads."""
    random, number = np.random.default_rng(2), 280_000
    late = np.arange(number) // 9_000  # each batch has values that none before had
    table = pa.table(
        {
            "few": pa.array(random.integers(-3, 3, number) + late, mask=random.random(number) < 0.01),
            "wide": pa.array(random.integers(0, 5, number) * 10**12),
            "text": pa.array(random.choice(["a", "b", "ü"], number), mask=random.random(number) < 0.01),
            "half": pa.array(random.choice([0.0, -0.0, 0.5, np.nan], number)),
        }
    )
    columns = [[None if x != x else x for x in column.to_pylist()] for column in table.columns]
    data = Dataset.from_arrow(table)
    for chosen in (["few", "wide"], ["few", "text", "half"], ["text", "wide", "few", "half"]):
        expected = Counter(zip(*(columns[table.column_names.index(name)] for name in chosen), strict=True))
        (found,) = Local(2).fold_by_key([], [SliceSpec(tuple(chosen))], data, data.parts())
        keys = zip(*([None if x != x else x for x in column.to_pylist()] for column in found.keys.columns), strict=True)
        assert dict(zip(keys, found.num_rows.tolist(), strict=True)) == expected


def test_many_combinations_stay_in_memory() -> None:
    """Two columns of 60,000 values each are grouped by the pairs there are, not by all there could be."""
    random = np.random.default_rng(1)
    table = pa.table({"a": random.permutation(60_000), "b": random.permutation(60_000)})
    data = Dataset.from_arrow(table)
    (answer,) = Local(2).fold_by_key([], [SliceSpec(("a", "b"))], data, data.parts())
    assert answer.num_groups == 60_000
    assert answer.keys["a"].to_pylist() == list(range(60_000))


def test_an_unread_column_costs_nothing() -> None:
    """Only the columns that folds name are read: a broken one beside them does not matter."""
    table = pa.table({"id": [1, 2], "delay": [1.0, None]})
    data = Dataset.from_arrow(table)
    (state,) = Local(1).fold([Distribution("delay", "number")], data, data.parts())
    assert state.num_groups == 1


def test_columns_alone_and_rows_give_the_same(tmp_path: Path) -> None:
    """Folds of a column each read columns apart, in larger batches: the states are those of whole rows, to the byte."""
    table = make_rows(300_000)
    words = pa.array([None if at % 9 == 0 else f"{at % 70_000} words" for at in range(len(table))])
    stamps = pa.array(np.arange(len(table)) // 50 * 3_600_000, pa.timestamp("ms"), mask=np.arange(len(table)) % 7 == 0)
    table = table.append_column("words", words).append_column("stamps", stamps)
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path, row_group_size=140_000, use_dictionary=["carrier"])
    folds = [*FOLDS, Counts("words", "text"), Distribution("words", "text", 100), Distribution("stamps", "timestamp")]
    for data in (Dataset.from_parquet(path), Dataset.from_arrow(table)):
        kept = data.select_rows([np.arange(len(table)) % 3 > 0])
        for one in (data, kept):
            apart = Local(2).fold(folds, one, one.parts())
            whole = Local(2).fold(folds, one, one.parts(), through=_Same())
            for fold, left, right in zip(folds, apart, whole, strict=True):
                assert encode(fold, left) == encode(fold, right), fold
