"""Kept states: nothing is read twice, and nobody can tell from the answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace import disk
from headrace.dataset import Dataset, Roles
from headrace.engine import Local, StateCache
from headrace.engine.engines import local as local_module
from headrace.errors import InvalidSchema
from headrace.fold import ROW_ID, Counts, Distribution, Sample, encode
from headrace.slicing import SliceSpec
from headrace.testing.engine_cases import FOLDS, EngineCases, make_rows

SPECS = [SliceSpec(), SliceSpec(("carrier",)), SliceSpec(("hour", "carrier"))]


class Memory:
    """Entries in a dict, instead of files."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], bytes] = {}
        self.lock = threading.Lock()

    def find(self, place: str, names: Sequence[str]) -> dict[str, bytes]:
        """See StateFiles."""
        with self.lock:
            return {name: self.entries[place, name] for name in names if (place, name) in self.entries}

    def keep(self, place: str, entries: Mapping[str, bytes]) -> None:
        """See StateFiles."""
        with self.lock:
            self.entries |= {(place, name): data for name, data in entries.items()}


class Forgetful(Memory):
    """Forgets an entry as soon as it was found, as if somebody deleted the folder all the time."""

    def find(self, place: str, names: Sequence[str]) -> dict[str, bytes]:
        """See StateFiles."""
        found = super().find(place, names)
        for name in found:
            del self.entries[place, name]
        return found


def engine(files: Any = None, workers: int = 2, code: str = "1") -> Local:
    """An engine with a cache of its own, or over these files."""
    return Local(workers, states=StateCache(Memory() if files is None else files, code=code))


class TestKept(EngineCases):
    """The laws of engines, with kept states: the parts' digests are known before the first pass."""

    engines: ClassVar[Sequence[Local]] = (engine(workers=1), engine(workers=4), engine(Forgetful()))

    @staticmethod
    def _stored(table: pa.Table, folder: Path, cuts: Sequence[int], **roles: Any) -> Dataset:
        data = EngineCases._stored(table, folder, cuts, **roles)
        assert data.part_digests
        return data


def months(folder: Path, names: Sequence[str], *, rows: int = 300, hours: Any = (), **roles: Any) -> Dataset:
    """A data set of a span a name, each of two files, whose digests are known; `hours` are types of that column."""
    spans, readers = [], {}
    for number, name in enumerate(names):
        table = make_rows(rows, seed=int(name))
        if hours:
            table = table.set_column(2, "hour", table["hour"].cast(hours[number]))
        one = EngineCases._stored(table, disk.make_folder(folder) / f"{name}.{number}", [rows // 3])
        spans.append(replace(one.spans[0], name=name))
        readers |= {(name, index): reader for (_, index), reader in one._readers.items()}
    data = Dataset(tuple(spans), Roles(key=("id",)), _readers=readers, **roles)
    assert data.part_digests
    return data


SPLIT = {"train": 8, "eval": 2}


def states_of(local: Local, data: Dataset) -> list[bytes]:
    """All that can be asked of an engine, as bytes."""
    found = [encode(fold, state) for fold, state in zip(FOLDS, local.fold(FOLDS, data, data.parts()), strict=True)]
    parts = [part for name in data.split_names for part in data.parts(name)]
    for states in local.fold_parts(FOLDS, data, parts).values():
        found += [encode(fold, state) for fold, state in zip(FOLDS, states, strict=True)]
    for grouped in local.fold_by_key(FOLDS, SPECS, data, data.parts(data.split_names[0])):
        found += [encode(fold, state) for fold, state in zip(FOLDS, grouped.states, strict=True)]
        found += [str(grouped.keys.to_pylist()).encode(), grouped.num_rows.tobytes()]
    return found


@pytest.mark.parametrize("split", [None, SPLIT])
def test_a_window_that_rolls_reads_the_new_span_alone(tmp_path: Path, split: dict[str, int] | None) -> None:
    """After months 1 to 3, months 2 to 4 cost the rows of month 4, and give the bytes of reading all."""
    files = Memory()
    states_of(engine(files), months(tmp_path / "a", "123", split=split))
    rolled, alone = engine(files), Local(2)
    data = months(tmp_path / "b", "234", split=split)
    expected = states_of(alone, data)
    assert states_of(rolled, data) == expected
    new = engine()
    states_of(new, months(tmp_path / "c", "4", split=split))
    assert alone.rows_reused == 0 and rolled.rows_read == new.rows_read
    assert rolled.rows_reused + rolled.rows_read == alone.rows_read
    again = engine(files)
    assert states_of(again, data) == expected
    assert (again.rows_read, again.rows_reused) == (0, alone.rows_read)


def test_a_whole_span_is_the_merge_of_its_splits(tmp_path: Path) -> None:
    """What is kept by split answers questions about all rows; what is kept of all rows answers none about splits."""
    data, files = months(tmp_path, "12", split=SPLIT), Memory()
    engine(files).fold_parts(FOLDS, data, [part for name in data.split_names for part in data.parts(name)])
    whole = engine(files)
    found = whole.fold(FOLDS, data, data.parts())
    assert whole.rows_read == 0
    assert EngineCases._bytes(FOLDS, found) == EngineCases._bytes(FOLDS, Local(1).fold(FOLDS, data, data.parts()))
    files.entries.clear()
    engine(files).fold(FOLDS, data, data.parts())
    split = engine(files)
    split.fold(FOLDS, data, data.parts("train"))
    assert split.rows_read == sum(data.expected_rows(part) or 0 for part in data.parts("train"))


def test_what_is_asked_decides_what_is_found(tmp_path: Path) -> None:
    """Another column, parameter, weight, key, grouping or code finds nothing that was kept for another."""
    data, files = months(tmp_path, "1"), Memory()

    def rows_read(data: Dataset, fold: Any = FOLDS[0], code: str = "1", keys: Any = None) -> int:
        local = engine(files, code=code)
        if keys is None:
            local.fold([fold], data, data.parts())
        else:
            local.fold_by_key([fold], keys, data, data.parts())
        return local.rows_read

    asked: list[dict[str, Any]] = [
        {},
        {"fold": Distribution("delay", "number", max_distinct=10)},
        {"fold": Counts("id", "integer")},
        {"fold": Sample(("id",), ("integer",), 5)},
        {"code": "2"},
        {"keys": [SliceSpec(("hour",))]},
        {"keys": [SliceSpec(("carrier",))]},
    ]
    assert [rows_read(data, **one) for one in asked] == [data.num_rows] * len(asked)
    assert [rows_read(data, **one) for one in asked] == [0] * len(asked)
    weighted = replace(data, roles=replace(data.roles, weight="hour"))
    assert rows_read(weighted) == data.num_rows
    fold = Sample(("id",), ("integer",), 5)
    assert ROW_ID in fold.columns
    assert rows_read(replace(data, roles=Roles()), fold) == data.num_rows, "row ids are made of the key"


def test_a_selection_of_rows_is_other_rows(tmp_path: Path) -> None:
    """Quarantined rows do not count in what is kept, nor does what is kept count for them."""
    data, files = months(tmp_path, "1", split=SPLIT), Memory()
    engine(files).fold(FOLDS, data, data.parts())
    masks = [np.arange(sum(data.reader(part).piece_rows)) % 7 > 0 for part in data.parts()]
    chosen = data.select_rows(masks)
    for known in (False, True):
        if known:
            assert set(chosen.part_digests.values()).isdisjoint(data.part_digests.values())
        local = engine(files)
        found = EngineCases._bytes(FOLDS, local.fold(FOLDS, chosen, chosen.parts()))
        assert found == EngineCases._bytes(FOLDS, Local(1).fold(FOLDS, chosen, chosen.parts()))
        assert local.rows_read == chosen.num_rows


def test_fragments_alone_are_not_kept(tmp_path: Path) -> None:
    """Only whole parts have a digest: one file of two is read each time."""
    data, files = months(tmp_path, "1"), Memory()
    for _ in range(2):
        local = engine(files)
        local.fold(FOLDS, data, data.parts()[:1])
        assert local.rows_read == data.expected_rows(data.parts()[0])
    assert not files.entries


def test_rows_in_memory_have_no_digest_to_be_kept_under() -> None:
    """A table in memory is folded each time, and is not counted as read."""
    data, files = Dataset.from_arrow(make_rows(100), key=["id"]), Memory()
    local = engine(files)
    local.fold(FOLDS, data, data.parts())
    assert not files.entries and (local.rows_read, local.rows_reused) == (0, 0)


def test_small_groups_are_counted_over_all_spans(tmp_path: Path) -> None:
    """`min_rows` is about the rows of all parts together, so those passes are not kept."""
    data, files = months(tmp_path, "123", rows=60), Memory()
    for _ in range(2):
        local = engine(files)
        (found,) = local.fold_by_key(FOLDS, SPECS[1:2], data, data.parts(), min_rows=30)
        (expected,) = Local(1).fold_by_key(FOLDS, SPECS[1:2], data, data.parts(), min_rows=30)
        assert found.keys.equals(expected.keys) and found.num_groups
        assert EngineCases._bytes(FOLDS, found.states) == EngineCases._bytes(FOLDS, expected.states)


def test_damaged_entries_are_worked_out_again(tmp_path: Path) -> None:
    """An entry that is no state, or is cut short, changes no answer and is replaced."""
    data, files = months(tmp_path, "12"), Memory()
    expected = states_of(engine(files), data)
    for damage in (b"", b"nonsense", None):
        for name in files.entries:
            files.entries[name] = files.entries[name][:-9] if damage is None else damage
        assert states_of(engine(files), data) == expected
        healed = engine(files)
        assert states_of(healed, data) == expected
        assert healed.rows_read == 0


def test_spans_of_different_shape_are_refused_though_nothing_is_read(tmp_path: Path) -> None:
    """What is kept of each span alone does not make one data set of two shapes."""
    data, files = months(tmp_path, "12"), Memory()
    engine(files).fold(FOLDS, data, data.parts())
    last = data.spans[1]
    changed = last.arrow_schema.set(last.arrow_schema.get_field_index("delay"), pa.field("delay", pa.string()))
    uneven = replace(data, spans=(data.spans[0], replace(last, arrow_schema=changed)))
    with pytest.raises(InvalidSchema, match="delay"):
        engine(files).fold(FOLDS, uneven, uneven.parts())


@settings(max_examples=8, deadline=None, derandomize=True)
@given(lost=st.sets(st.integers(0, 200)), seed=st.integers(0, 3))
def test_whatever_is_lost_is_worked_out_again(tmp_path_factory: Any, lost: set[int], seed: int) -> None:
    """With any of the entries deleted the answers are the same bytes."""
    data, files = months(tmp_path_factory.mktemp("lost"), [str(seed), "9"], rows=40, split=SPLIT), Memory()
    expected = states_of(engine(files), data)
    names = sorted(files.entries)
    for index in lost:
        files.entries.pop(names[index % len(names)], None)
    assert states_of(engine(files), data) == expected


@pytest.mark.parametrize("split", [None, SPLIT])
def test_new_folds_join_what_is_kept_of_others(tmp_path: Path, split: dict[str, int] | None) -> None:
    """Where some of the folds are kept, only the others are worked out; one month may know more than another."""
    data, files = months(tmp_path, "123", split=split), Memory()
    first = data.select_spans(["1", "2"])
    engine(files).fold(FOLDS[:2], first, first.parts())
    engine(files).fold_by_key(FOLDS[1:2], SPECS, first, first.parts())
    for _ in range(2):
        local = engine(files)
        found = EngineCases._bytes(FOLDS, local.fold(FOLDS, data, data.parts()))
        assert found == EngineCases._bytes(FOLDS, Local(1).fold(FOLDS, data, data.parts()))
        expected = Local(1).fold_by_key(FOLDS, SPECS, data, data.parts())
        for mine, other in zip(local.fold_by_key(FOLDS, SPECS, data, data.parts()), expected, strict=True):
            assert mine.keys.equals(other.keys) and mine.num_rows.tolist() == other.num_rows.tolist()
            assert EngineCases._bytes(FOLDS, mine.states) == EngineCases._bytes(FOLDS, other.states)
    assert local.rows_read == 0
    forgetful = Forgetful()
    forgetful.entries |= files.entries
    forgetful.entries = {name: data for number, (name, data) in enumerate(forgetful.entries.items()) if number % 3}
    found = EngineCases._bytes(FOLDS, engine(forgetful).fold_by_key(FOLDS, SPECS, data, data.parts())[1].states)
    assert found == EngineCases._bytes(FOLDS, expected[1].states)


@pytest.mark.parametrize("wide", [pa.int64(), pa.float64()])
def test_a_column_read_in_a_wider_type_is_another_column(tmp_path: Path, wide: pa.DataType) -> None:
    """Beside a span of a wider type a column is read as that: what was kept of the narrow one is not mixed in."""
    files, folds = Memory(), [*FOLDS, Distribution("hour", "number"), Counts("hour", "integer")]
    if wide == pa.float64():
        folds.pop()
    narrow = months(tmp_path / "a", "12", hours=[pa.int8(), pa.int8()])
    both = months(tmp_path / "b", "012", hours=[wide, pa.int8(), pa.int8()])
    for data in (narrow, both, narrow, both):
        local, alone = engine(files), Local(1)
        found, expected = (one.fold_by_key(folds, SPECS, data, data.parts()) for one in (local, alone))
        for mine, other in zip(found, expected, strict=True):
            assert mine.keys.equals(other.keys)
            assert EngineCases._bytes(folds, mine.states) == EngineCases._bytes(folds, other.states)
        mine, other = (one.fold(folds, data, data.parts()) for one in (local, alone))
        assert EngineCases._bytes(folds, mine) == EngineCases._bytes(folds, other)
    assert local.rows_read == 0


def test_memory_holds_the_states_of_a_few_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many spans there are, only a few fragments a thread are folded at once, those of a span together."""
    data, files = months(tmp_path, [str(number) for number in range(12)], rows=9, split=SPLIT), Memory()
    asked: list[list[Any]] = []
    real = local_module.run_pass

    def run_pass(run: Any, workers: int) -> Any:
        asked.append(run.parts)
        return real(run, workers)

    monkeypatch.setattr(local_module, "run_pass", run_pass)
    parts = [part for name in data.split_names for part in data.parts(name)]
    engine(files, workers=2).fold(FOLDS, data, parts)
    spans = [{part.span for part in one} for one in asked]
    assert sum(map(len, asked)) == len(parts)
    assert max(map(len, spans)) <= 2 and sum(map(len, spans)) == len(data.spans)
