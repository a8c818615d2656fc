"""The Statistics noun: fold states by span and split, and by slice, and what can be read off them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from headrace import disk
from headrace.canonical import digest, from_canonical, to_canonical
from headrace.dataset import Roles
from headrace.errors import InvalidInput, UnknownName
from headrace.fold import Distribution, DistributionResult, GroupDistribution, State, decode, encode
from headrace.fold.weighted import WeightedDistribution
from headrace.lookup import Shown
from headrace.slicing import slice_name
from headrace.statistics._plan import AnyDistribution, Place, places_of
from headrace.statistics._slices import Slices, SliceStatistics, feature_at, place_named
from headrace.statistics.feature_statistics import FeatureStatistics
from headrace.statistics.relations import Relations

__all__ = ["Statistics"]

_FORMAT = 3
_FILE = "states.arrow"

PartName = tuple[str, str | None]
"""(span, split); split None for a data set without splits."""


@dataclass(frozen=True, eq=False, repr=False)
class Statistics(Shown):
    """What a data set looks like.

    Made by `analyze`. It keeps fold states, not figures: a split, a span or the union of several statistics is merged
    from them without reading a row again, to the byte what folding those rows would give.

    Parameters
    ----------
    folds : tuple of Distribution
        One a column, in column order.
    parts : dict of (span, split) to sequence of State
        One state of one group for each of the folds, then for each of the companions.
    slices_by_columns : dict of tuple of str to Slices
        The cuts asked for, over all rows.
    roles : Roles
        The data set's: a schema inferred from these statistics knows which column is the label.
    relations : Relations, optional
        How columns go together over all rows, where `analyze` was asked for it.
    companions : tuple of Distribution or WeightedDistribution
        What lies in lists and structs, lengths of lists, and weighted distributions: `statistics._plan` says of which.

    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.statistics import analyze
    >>> statistics = analyze(Dataset.from_arrow(pa.table({"delay": [3, None, 5], "carrier": ["AA", "UA", "AA"]})),
    ...                      slices=["carrier"])
    >>> statistics["delay"].mean, statistics["carrier"].top_values[0]
    (4.0, ('AA', 2))
    >>> statistics.slice({"carrier": "UA"})["delay"].num_missing
    1
    """

    kind: ClassVar[str] = "statistics"

    folds: tuple[Distribution, ...]
    parts: Mapping[PartName, Sequence[State]]
    slices_by_columns: dict[tuple[str, ...], Slices]
    roles: Roles = field(default_factory=Roles)
    companions: tuple[AnyDistribution, ...] = ()
    relations: Relations | None = None

    def __repr__(self) -> str:
        return f"<Statistics of {len(self.folds)} features, {self.num_rows:,} rows>"

    @property
    def feature_names(self) -> list[str]:
        """Column names in the data set's order."""
        return [fold.column for fold in self.folds]

    @property
    def nested_names(self) -> list[str]:
        """Names of what lies in columns: `s.a` is field a of struct s, `m[]` the values of m where they are lists."""
        return [name for name, place in self._places.items() if place.values >= len(self.folds)]

    def column_of(self, name: str) -> str:
        """The column that a feature lies in: itself, or `s` for `s.a`; UnknownName with the nearest name."""
        return place_named(name, self._places).column

    @property
    def _all_folds(self) -> tuple[AnyDistribution, ...]:
        return (*self.folds, *self.companions)

    @functools.cached_property
    def _places(self) -> dict[str, Place]:
        return places_of(self._all_folds)

    @property
    def num_rows(self) -> int:
        """Rows analysed."""
        return sum(_rows_of(states) for states in self.parts.values())

    @property
    def split_names(self) -> list[str]:
        """Names of splits; empty for a data set without any."""
        return sorted({split for _, split in self.parts if split is not None})

    @property
    def span_names(self) -> list[str]:
        """Names of spans, in the data set's order."""
        return list(dict.fromkeys(span for span, _ in self.parts))

    def _result(self, index: int) -> DistributionResult:
        fold = self._all_folds[index]
        total, zero = fold.create(1), np.zeros(1, np.int32)
        for states in self.parts.values():
            total = fold.merge(total, states[index], zero)  # type: ignore[arg-type]  # its own fold's state
        return fold.extract(total)

    @functools.cached_property
    def _features(self) -> dict[str, FeatureStatistics]:
        return {}

    def __getitem__(self, name: str) -> FeatureStatistics:
        """The statistics of a column, or of what lies in one, over all rows here; UnknownName with the nearest name."""
        if name not in self._features:
            place = place_named(name, self._places)
            self._features[name] = feature_at(name, place, lambda index: self._result(index)[0])
        return self._features[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def distribution(self, name: str) -> GroupDistribution:
        """A feature's whole distribution over all rows here, for figures that FeatureStatistics does not have.

        `statistics.span("2013-06").distribution("delay").histogram(edges)`. Of a list these are the values in it.
        Cost: merging that feature's states.
        """
        return self._result(place_named(name, self._places).values)[0]

    def unit_of(self, name: str) -> float:
        """What 1 in a feature's `distribution` stands for: 0.01 of a decimal with two places, 1e-6 seconds, or 1.0."""
        place = place_named(name, self._places)
        return 1e-6 if place.value_type in ("duration", "time") else 10.0**-place.digits

    def split(self, name: str) -> Statistics:
        """The statistics of one split's rows; slices are over all rows and stay behind."""
        if name not in self.split_names:
            raise UnknownName("split", name, self.split_names)
        return self.of_parts(part for part in self.parts if part[1] == name)

    def span(self, name: str) -> Statistics:
        """The statistics of one span's rows; slices are over all rows and stay behind."""
        if name not in self.span_names:
            raise UnknownName("span", name, self.span_names)
        return self.of_parts(part for part in self.parts if part[0] == name)

    def of_parts(self, names: Iterable[PartName]) -> Statistics:
        """The statistics of the rows of some (span, split) parts; slices are over all rows and stay behind."""
        parts = {name: self.parts[name] for name in names}
        return Statistics(self.folds, parts, {}, self.roles, self.companions)

    @property
    def slices(self) -> list[dict[str, Any]]:
        """The values of every slice there is, cut by cut."""
        return [dict(zip(cut.columns, row, strict=True)) for cut in self.slices_by_columns.values() for row in cut.rows]

    def slice(self, values: Mapping[str, Any]) -> SliceStatistics:
        """The statistics of one slice: `slice({"carrier": "AA"})`; a null is None.

        Raises UnknownName when rows were not cut by these columns, or no row has these values.
        """
        found = [cut for columns, cut in self.slices_by_columns.items() if set(columns) == set(values)]
        if not found:
            known = [",".join(columns) for columns in self.slices_by_columns]
            raise UnknownName("slices by", ",".join(values), known, where="analyze(slices=[...]) makes them")
        cut = found[0]
        row = tuple(values[column] for column in cut.columns)
        if row not in self._slice_places[cut.columns]:
            names = [slice_name(cut.columns, known_row) for known_row in cut.rows]
            raise UnknownName("slice", slice_name(cut.columns, row), names)
        return SliceStatistics(
            dict(zip(cut.columns, row, strict=True)),
            self._places,
            self._slice_results[cut.columns],
            self._slice_places[cut.columns][row],
        )

    @functools.cached_property
    def _slice_places(self) -> dict[tuple[str, ...], dict[tuple[Any, ...], int]]:
        return {
            columns: {row: place for place, row in enumerate(cut.rows)}
            for columns, cut in self.slices_by_columns.items()
        }

    @functools.cached_property
    def _slice_results(self) -> dict[tuple[str, ...], tuple[DistributionResult, ...]]:
        return {
            columns: tuple(fold.extract(state) for fold, state in zip(self._all_folds, cut.states, strict=True))  # type: ignore[arg-type]
            for columns, cut in self.slices_by_columns.items()
        }

    def to_plain(self) -> dict[str, Any]:
        """As plain data: all features over all rows, rows by part, rows by slice."""
        return {
            "format": _FORMAT,
            "num_rows": self.num_rows,
            "features": [self[name].to_plain() for name in self._places],
            "parts": [
                {"span": span, "split": split, "num_rows": _rows_of(states)}
                for (span, split), states in self.parts.items()
            ],
            "slices": [
                {"slice": slice_name(cut.columns, row), "num_rows": int(number)}
                for columns, cut in self.slices_by_columns.items()
                for row, number in zip(cut.rows, self._slice_results[columns][0].num_rows, strict=True)
            ],
        }

    @functools.cached_property
    def _table(self) -> pa.Table:
        """Every state in its encoding, one a row, under canonical JSON that says whose it is."""
        names: list[bytes] = []
        states: list[bytes] = []
        for (span, split), found in self.parts.items():
            for fold, state in zip(self._all_folds, found, strict=True):
                names.append(to_canonical({"span": span, "split": split, "fold": _key(fold)}))
                states.append(encode(fold, state))
        for columns, cut in self.slices_by_columns.items():
            names.append(to_canonical({"columns": list(columns)}))
            states.append(_table_bytes(cut.keys))
            for fold, state in zip(self._all_folds, cut.states, strict=True):
                names.append(to_canonical({"columns": list(columns), "fold": _key(fold)}))
                states.append(encode(fold, state))
        return pa.table({"name": pa.array(names, pa.large_binary()), "state": pa.array(states, pa.large_binary())})

    def _header(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": Distribution.version,
            "folds": [_key(fold) for fold in self.folds],
            "companions": [_key(fold) for fold in self.companions],
            "roles": self.roles.to_plain(),
            "relations": None if self.relations is None else self.relations.to_plain(),
        }

    @functools.cached_property
    def digest(self) -> str:
        """sha256 over all states: equal rows in equal parts give equal digests, however they were read."""
        rows = zip(self._table["name"].to_pylist(), self._table["state"].to_pylist(), strict=True)
        return digest([self._header(), [[name.decode(), digest(state)] for name, state in rows]])

    def save(self, folder: Path) -> None:
        """Write `states.arrow` (all that `load` reads) and `statistics.json` (for people) into a folder."""
        table = self._table.replace_schema_metadata({b"headrace": to_canonical(self._header())})
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with disk.open_to_write(folder / _FILE) as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
            writer.write_table(table)
        text = json.dumps(self.to_plain(), indent=1, ensure_ascii=False, allow_nan=False)
        disk.write_file(folder / "statistics.json", text.encode("utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; InvalidInput when it is of another version or damaged."""
        path = Path(folder) / _FILE
        try:
            with pa.OSFile(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
            header = from_canonical(table.schema.metadata[b"headrace"])
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"no statistics can be read: {error}", where=str(path)) from error
        if (header["format"], header["version"]) != (_FORMAT, Distribution.version):
            raise InvalidInput(
                f"statistics of format {header['format']}, fold version {header['version']}",
                where=str(path),
                expected=f"format {_FORMAT}, fold version {Distribution.version}",
                fix="run analyze again",
            )
        folds, companions = (tuple(map(_fold, header[word])) for word in ("folds", "companions"))
        parts: dict[PartName, list[State]] = {}
        keys: dict[tuple[str, ...], pa.Table] = {}
        cuts: dict[tuple[str, ...], list[State]] = {}
        for raw, data in zip(table["name"].to_pylist(), table["state"].to_pylist(), strict=True):
            name = from_canonical(raw)
            if "span" in name:
                states = parts.setdefault((name["span"], name["split"]), [])
                states.append(decode(_fold(name["fold"]), data))
            elif "fold" in name:
                cuts[tuple(name["columns"])].append(decode(_fold(name["fold"]), data))
            else:
                columns = tuple(name["columns"])
                keys[columns], cuts[columns] = pa.ipc.open_stream(data).read_all(), []
        return cls(
            folds,
            {part: tuple(states) for part, states in parts.items()},
            {columns: Slices(columns, keys[columns], tuple(states)) for columns, states in cuts.items()},
            Roles(**header["roles"]),
            companions,
            None if header["relations"] is None else Relations.from_plain(header["relations"]),
        )

    @classmethod
    def merge(cls, several: Sequence[Statistics]) -> Statistics:
        """One Statistics of all parts of several, which must have the same features; equal parts add up.

        Slices stay behind. Raises InvalidInput when features differ or there is nothing to merge.
        """
        if not several or any(one._all_folds != several[0]._all_folds for one in several):
            raise InvalidInput("statistics of different features", expected="equal columns and types")
        zero = np.zeros(1, np.int32)
        folds, parts = several[0]._all_folds, dict[PartName, tuple[State, ...]]()
        for one in several:
            for part, states in one.parts.items():
                mine = parts.get(part)
                fresh = [fold.create(1) for fold in folds] if mine is None else mine
                parts[part] = tuple(
                    fold.merge(left, right, zero)  # type: ignore[arg-type]  # its own fold's states
                    for fold, left, right in zip(folds, fresh, states, strict=True)
                )
        return Statistics(several[0].folds, parts, {}, several[0].roles, several[0].companions)


def _rows_of(states: Sequence[State]) -> int:
    """Rows of a part, which every column counts alike."""
    return int(states[0].tally.num_rows[0]) if states else 0  # type: ignore[attr-defined]


def _key(fold: AnyDistribution) -> list[Any]:
    """A fold as plain data, from which `_fold` makes it again."""
    return [isinstance(fold, WeightedDistribution), fold.column, fold.kind, fold.max_distinct, list(fold.path)]


def _fold(key: list[Any]) -> Any:
    is_weighted, column, kind, max_distinct, path = key
    return (WeightedDistribution if is_weighted else Distribution)(column, kind, max_distinct, tuple(path))


def _table_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())
