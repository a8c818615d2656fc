"""What every engine must do: the same state bytes however the rows are cut, and no row lost unseen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from headrace import disk
from headrace.dataset import Dataset
from headrace.engine import AnyFold, Engine, Work
from headrace.errors import InvalidInput, UnknownName
from headrace.fold import ROW_ID, Counts, Distribution, Rows, encode
from headrace.slicing import SliceSpec

__all__ = ["EngineCases", "make_rows"]

FOLDS: list[AnyFold] = [
    Distribution("delay", "number"),
    Distribution("carrier", "text"),
    Counts("id", "integer"),
    Distribution("delay", "number"),  # equal to the first: run once
]


@dataclass(frozen=True)
class _Doubled(Work):
    """A derived column: twice the delay."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("delay",)

    def __call__(self, rows: Rows) -> Rows:
        return Rows(pa.record_batch({"doubled": pc.multiply(rows.batch.column("delay"), 2.0)}))


def make_rows(num_rows: int, seed: int = 3) -> pa.Table:
    """A table with nulls in every column, NaN and -0.0 among the numbers, equal keys, a null and an empty text."""
    random = np.random.default_rng(seed)
    missing = random.random(num_rows) < 0.2
    carriers = [
        None if gone else ("", "AA", "ÅÄ", "UA")[n]
        for gone, n in zip(missing, random.integers(0, 4, num_rows), strict=True)
    ]
    delays = np.where(
        random.random(num_rows) < 0.1, -0.0, random.normal(size=num_rows) * 10.0 ** random.integers(-9, 9, num_rows)
    )
    delays[random.random(num_rows) < 0.05] = np.nan
    return pa.table(
        {
            "id": pa.array(random.integers(0, max(1, num_rows // 2), num_rows), mask=random.random(num_rows) < 0.1),
            "carrier": pa.array(carriers, pa.string()),
            "hour": pa.array(random.integers(0, 24, num_rows), pa.int8(), mask=missing),
            "delay": pa.array(delays, mask=random.random(num_rows) < 0.2),
        }
    )


class EngineCases:
    """Inherit in a test class and give `engines`: the laws of `headrace.engine` then run on each.

    class TestMyEngine(EngineCases):
        engines = [MyEngine(workers=1), MyEngine(workers=4)]
    """

    engines: ClassVar[Sequence[Engine]] = ()

    @staticmethod
    def _stored(table: pa.Table, folder: Path, cuts: Sequence[int], **roles: Any) -> Dataset:
        """The table as files, cut at these rows, each of small row groups."""
        folder.mkdir()
        edges = [0, *cuts, table.num_rows]
        for number, (first, last) in enumerate(itertools.pairwise(edges)):
            with disk.open_to_write(folder / f"{number:03}.parquet") as file:
                pq.write_table(table.slice(first, last - first), file, row_group_size=97)
        return Dataset.from_parquet(folder / "*.parquet", key=["id"], **roles)

    @staticmethod
    def _bytes(folds: Sequence[AnyFold], states: Sequence[Any]) -> list[bytes]:
        return [encode(fold, state) for fold, state in zip(folds, states, strict=True)]

    @staticmethod
    def _alone(folds: Sequence[AnyFold], table: pa.Table) -> list[bytes]:
        """The oracle: each fold handed all rows in one batch."""
        batch = table.combine_chunks().to_batches()
        found = []
        for fold in folds:
            state = fold.create(1)
            if batch:
                state = fold.add(state, Rows(batch[0]), None)
            found.append(encode(fold, state))
        return found

    def test_no_cut_shows(self, tmp_path: Path) -> None:
        """One table, one file, many files, a file without rows, parts in reverse: always the same bytes."""
        table = make_rows(1000)
        expected = self._alone(FOLDS, table)
        stored = [
            Dataset.from_arrow(table, key=["id"]),
            self._stored(table, tmp_path / "one", []),
            self._stored(table, tmp_path / "many", [1, 1, 500, 700]),
        ]
        for engine in self.engines:
            for data in stored:
                for parts in (data.parts(), data.parts()[::-1]):
                    assert self._bytes(FOLDS, engine.fold(FOLDS, data, parts)) == expected, f"{engine} {data}"

    def test_no_rows(self) -> None:
        """A data set without rows, and no parts at all, give the states of no rows."""
        empty = Dataset.from_arrow(make_rows(0))
        for engine in self.engines:
            expected = self._alone(FOLDS, make_rows(0))
            assert self._bytes(FOLDS, engine.fold(FOLDS, empty, empty.parts())) == expected
            assert self._bytes(FOLDS, engine.fold(FOLDS, empty, [])) == expected
            assert engine.fold([], empty, empty.parts()) == []
            overall, by_carrier = engine.fold_by_key(
                FOLDS, [SliceSpec(), SliceSpec(("carrier",))], empty, empty.parts()
            )
            assert (overall.num_groups, overall.num_rows.tolist()) == (1, [0])
            assert (by_carrier.num_groups, by_carrier.keys.num_rows) == (0, 0)
            assert self._bytes(FOLDS, overall.states) == expected

    def test_splits_are_read_together_and_add_up(self, tmp_path: Path) -> None:
        """Each split's states are those of its rows alone."""
        data = self._stored(make_rows(800), tmp_path / "data", [100, 300], split={"train": 8, "eval": 2})
        parts = [part for name in data.split_names for part in data.parts(name)]
        for engine in self.engines:
            by_part = engine.fold_parts(FOLDS, data, parts)
            assert list(by_part) == [(span.name, name) for name in data.split_names for span in data.spans]
            for (span, split), states in by_part.items():
                alone = engine.fold(FOLDS, data, data.parts(split, [span]))
                assert self._bytes(FOLDS, states) == self._bytes(FOLDS, alone)
            for name in data.split_names:
                found = self._bytes(FOLDS, engine.fold(FOLDS, data, data.parts(name)))
                assert found == self._alone(FOLDS, data.to_arrow(name))

    def test_groups_are_what_each_would_be_alone(self, tmp_path: Path) -> None:
        """Every group's state is that of its rows alone; groups are sorted, nulls last, and add up to all rows."""
        table = make_rows(900)
        specs = [SliceSpec(), SliceSpec(("carrier",)), SliceSpec(("hour", "carrier"))]
        stored = [Dataset.from_arrow(table), self._stored(table, tmp_path / "many", [10, 400])]
        for engine in self.engines:
            for data in stored:
                for spec, answer in zip(specs, engine.fold_by_key(FOLDS, specs, data, data.parts()), strict=True):
                    assert int(answer.num_rows.sum()) == table.num_rows
                    assert answer.keys.column_names == list(spec.columns)
                    keys = [tuple(row.values()) for row in answer.keys.to_pylist()] if spec.columns else [()]
                    order = [
                        tuple((v is None, v.encode() if isinstance(v, str) else (v or 0)) for v in k) for k in keys
                    ]
                    assert order == sorted(order)
                    self._check_groups(table, spec, keys, answer)

    def _check_groups(self, table: pa.Table, spec: SliceSpec, keys: Sequence[Any], answer: Any) -> None:
        rows = list(zip(*(table[name].to_pylist() for name in spec.columns), strict=True)) or [()] * table.num_rows
        whole = {fold: fold.create(len(keys)) for fold in FOLDS}
        for group, key in enumerate(keys):
            chosen = table.filter(pa.array([row == key for row in rows], pa.bool_()))
            assert chosen.num_rows == answer.num_rows[group]
            for fold in whole:
                alone = fold.add(fold.create(1), Rows(chosen.combine_chunks().to_batches()[0]), None)
                whole[fold] = fold.merge(whole[fold], alone, np.array([group], np.int32))
        assert self._bytes(FOLDS, answer.states) == [encode(fold, whole[fold]) for fold in FOLDS]

    def test_small_groups_are_left_out(self, tmp_path: Path) -> None:
        """`min_rows` leaves out exactly the groups with fewer rows, and changes nothing in the others."""
        table = make_rows(600)
        data = self._stored(table, tmp_path / "data", [200])
        for engine in self.engines:
            spec = SliceSpec(("hour",))
            (every,) = engine.fold_by_key([Counts("id", "integer")], [spec], data, data.parts())
            limit = int(np.median(every.num_rows))
            (some,) = engine.fold_by_key([Counts("id", "integer")], [spec], data, data.parts(), min_rows=limit)
            kept = [
                (key, rows)
                for key, rows in zip(every.keys["hour"].to_pylist(), every.num_rows, strict=True)
                if rows >= limit
            ]
            assert list(zip(some.keys["hour"].to_pylist(), some.num_rows, strict=True)) == kept
            assert 0 < len(kept) < every.num_groups

    def test_work_goes_before_folds(self, tmp_path: Path) -> None:
        """Folds see derived columns beside the source's; a column that nobody gives is an UnknownName."""
        table = make_rows(500)
        data = self._stored(table, tmp_path / "data", [250])
        fold = Distribution("doubled", "number")
        expected = self._alone([fold], table.append_column("doubled", pc.multiply(table["delay"], 2.0)))
        for engine in self.engines:
            states = engine.fold([fold, Counts("id", "integer")], data, data.parts(), through=_Doubled())
            assert self._bytes([fold], states[:1]) == expected
            with pytest.raises(UnknownName, match="doubled"):
                engine.fold([fold], data, data.parts())
            with pytest.raises(UnknownName, match="tripled"):
                engine.fold([Distribution("tripled", "number")], data, data.parts(), through=_Doubled())

    def test_map_keeps_the_order_of_parts_and_rows(self, tmp_path: Path) -> None:
        """Mapped rows come back part by part, in the source's order, with the columns that were read."""
        table = make_rows(700)
        data = self._stored(table, tmp_path / "data", [50, 650])
        for engine in self.engines:
            answers = list(engine.map(_Doubled(), data, data.parts()))
            places = [part.fragment_index for part, _ in answers]
            assert places == sorted(places)
            found = pa.Table.from_batches([rows.batch for _, rows in answers])
            assert str(found["delay"].to_pylist()) == str(table["delay"].to_pylist())  # as text, for NaN
            doubled = [None if value is None else 2 * value for value in table["delay"].to_pylist()]
            assert str(found["doubled"].to_pylist()) == str(doubled)

    def test_lost_rows_are_refused(self, tmp_path: Path) -> None:
        """A fragment that does not hold the rows its manifest counts is an InvalidInput that names it."""
        data = self._stored(make_rows(300), tmp_path / "data", [100])
        (tmp_path / "data" / "001.parquet").write_bytes((tmp_path / "data" / "000.parquet").read_bytes())
        again = replace(data, _readers={})
        for engine in self.engines:
            with pytest.raises(InvalidInput, match=r"001\.parquet"):
                engine.fold(FOLDS, again, again.parts())

    def test_row_ids_are_made_for_folds_that_ask(self, tmp_path: Path) -> None:
        """Row ids do not depend on how rows are cut into files when there is a key."""
        table = make_rows(400)
        first, second = Dataset.from_arrow(table, key=["id"]), self._stored(table, tmp_path / "data", [3, 399])
        for engine in self.engines:
            found = []
            for data in (first, second):
                answers = engine.map(_Identified(), data, data.parts())
                found.append(np.concatenate([rows.row_id for _, rows in answers if rows.row_id is not None]))
            assert len(found[0]) == 400
            assert np.array_equal(found[0], found[1])


@dataclass(frozen=True)
class _Identified(Work):
    """Nothing but the row ids."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (ROW_ID,)

    def __call__(self, rows: Rows) -> Rows:
        return rows
