"""Slices: the states of one cut, and the statistics of one slice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.errors import UnknownName
from headrace.fold import DistributionResult, GroupDistribution, State
from headrace.slicing import slice_name
from headrace.statistics._plan import Place
from headrace.statistics.feature_statistics import FeatureStatistics

__all__ = ["SliceStatistics", "Slices", "feature_at", "place_named"]


def place_named(name: str, places: Mapping[str, Place]) -> Place:
    """The place of a feature; UnknownName with the nearest name."""
    if name not in places:
        raise UnknownName("feature", name, list(places))
    return places[name]


def feature_at(name: str, place: Place, found: Callable[[int], GroupDistribution]) -> FeatureStatistics:
    """The statistics of the feature at a place, where `found` gives the distribution of each fold."""
    return FeatureStatistics.from_distribution(
        name,
        found(place.values),
        type=place.type,
        value_type=place.value_type,
        digits=place.digits,
        lengths=None if place.lengths is None else found(place.lengths),
        weighted=None if place.weighted is None else found(place.weighted),
    )


@dataclass(frozen=True)
class Slices:
    """The states of all slices of one cut.

    Parameters
    ----------
    columns : tuple of str
        What rows were cut by.
    keys : pyarrow.Table [num_slices]
        Values of these columns, in canonical order, nulls last.
    states : tuple of State
        One for each fold and companion, its groups in the order of `keys`.
    """

    columns: tuple[str, ...]
    keys: pa.Table
    states: tuple[State, ...]

    @functools.cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        """The key of each slice as Python values."""
        return list(zip(*(column.to_pylist() for column in self.keys.columns), strict=True))


@dataclass(frozen=True)
class SliceStatistics:
    """The statistics of one slice's rows.

    Parameters
    ----------
    values : dict of str to value
        What the slice's rows have in common.
    """

    values: dict[str, Any]
    _places: dict[str, Place]
    _results: tuple[DistributionResult, ...]
    _group: int

    @property
    def name(self) -> str:
        """How the slice is called: "carrier=AA,origin=JFK"."""
        return slice_name(list(self.values), list(self.values.values()))

    @property
    def feature_names(self) -> list[str]:
        """Column names in the data set's order."""
        return [name for name, place in self._places.items() if name == place.column]

    @property
    def num_rows(self) -> int:
        """Rows in the slice."""
        return int(self._results[0].num_rows[self._group]) if self._results else 0

    def __getitem__(self, name: str) -> FeatureStatistics:
        place = place_named(name, self._places)
        return feature_at(name, place, lambda index: self._results[index][self._group])
