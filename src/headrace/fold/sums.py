"""Sums: exact sums of what a metric says about each row, the same bits in any order of rows, on any engine.

A float sum depends on the order of its terms. Here each term (times its row's weight) is rounded once to a multiple
of 2^-40 and added as a 128-bit integer, so that addition is associative. With `replicates` the state has one more
axis: each row counts Poisson(1) times in each replicate, drawn from its row id (`headrace.fold.replicates`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from headrace import lookup
from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State
from headrace.fold._fixed_point import TERM_LIMIT, add_words, add_words_at, sum_cells, to_float, words_of_counts
from headrace.fold._scored import Floats, Scored, read_scored
from headrace.fold.kernels.by_group import count_codes
from headrace.fold.replicates import poisson_counts

__all__ = ["Sums", "SumsResult", "SumsState", "Terms"]

Plain = bool | int | float | str | None | tuple[Any, ...]
Pairs = tuple[tuple[str, Plain], ...]
Made = TypeVar("Made")

_MOST_BITS = 7


def _frozen(value: Any) -> Any:
    """Lists, which tuples became in JSON, as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


class Terms(Protocol):
    """What Sums asks of the metric it is named after; `headrace.evaluation.SumMetric` is one."""

    @property
    def is_binary(self) -> bool:
        """Whether labels must be 0 or 1."""

    def terms(self, label: Floats, prediction: Floats) -> Sequence[npt.NDArray[Any]]:
        """Arrays of [num_rows], each to be summed; every row on its own, NaN where a row has none."""


@dataclass
class SumsState(State):
    """Sums as 128-bit integers, `high * 2^64 + low`, in units of 2^-40.

    Cells: the weight, weight times label, then the metric's terms; replicate 0 is the data.
    `num_rows` int64[num_groups]; `num_invalid` int64[num_groups], rows that could not be counted;
    `high` int64 and `low` uint64 [num_groups, 2 + num_terms, 1 + replicates]. Size: 16 bytes a cell and replicate.
    """

    num_rows: npt.NDArray[np.int64]
    num_invalid: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    low: npt.NDArray[np.uint64]

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_rows)


@dataclass(frozen=True)
class SumsResult:
    """What `Sums` knows of each group.

    Parameters
    ----------
    num_rows : int64[num_groups]
        Rows with a label.
    num_invalid : int64[num_groups]
        Rows among them without a usable label, prediction, weight or term; where above 0 all that follows is NaN.
    weight : float64[num_groups]
        Sum of the weights; the number of rows when there are none.
    positive : float64[num_groups]
        Weighted sum of the labels: where labels are 0 and 1, the weight of the positive rows.
    totals : tuple of float64[num_groups]
        Weighted sum of each of the metric's terms, within 2^-41 a row of the exact one.
    """

    num_rows: npt.NDArray[np.int64]
    num_invalid: npt.NDArray[np.int64]
    weight: Floats
    positive: Floats
    totals: tuple[Floats, ...]

    @property
    def means(self) -> tuple[Floats, ...]:
        """Weighted mean of each term, float64[num_groups]; NaN where the weights sum to 0."""
        safe = np.where(self.weight == 0.0, np.nan, self.weight)
        return tuple(total / safe for total in self.totals)


@functools.lru_cache(maxsize=256)
def _member(metric: str, parameters: Pairs) -> tuple[Terms, int]:
    """The metric, and how many terms it has."""
    member = cast(Terms, lookup.find("metric", metric)(**dict(parameters)))
    return member, len(member.terms(np.zeros(0), np.zeros(0)))


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of each row, weighted; 0 in rows that are not valid."""

    values: list[Floats]
    is_whole: list[bool]
    is_valid: npt.NDArray[np.bool_] | None  # None = all are


@dataclass(frozen=True, slots=True)
class _Plain:
    """The cells of rows without weights: those that are 0 or 1 as bits of one code, which need only be counted."""

    bits: tuple[int, ...]  # by bit the cell
    codes: npt.NDArray[np.uint8]
    floats: dict[int, Floats]
    is_valid: npt.NDArray[np.bool_] | None


def _cells(member: Terms, scored: Scored) -> _Cells:
    terms = member.terms(scored.label, scored.prediction)
    cells = [np.ones(scored.num_rows), scored.label, *(np.asarray(term, np.float64) for term in terms)]
    if scored.weight is None:
        is_whole = [True, member.is_binary, *(term.dtype == np.bool_ for term in terms)]
    else:
        is_whole = [False] * len(cells)
        with np.errstate(invalid="ignore"):  # 0 x inf is NaN, and NaN is counted as invalid below
            cells = [cell * scored.weight for cell in cells]
    valid = np.ones(scored.num_rows, np.bool_) if scored.is_valid is None else scored.is_valid
    for cell in cells[1:]:
        valid = valid & (np.abs(cell) < TERM_LIMIT)
    if valid.all():
        return _Cells(cells, is_whole, None)
    return _Cells([np.where(valid, cell, 0.0) for cell in cells], is_whole, valid)


def _plain(member: Terms, scored: Scored) -> _Plain:
    valid = scored.is_valid
    cells = [scored.label, *map(np.asarray, member.terms(scored.label, scored.prediction))]
    if cells[0].max(initial=0.0) <= 1.0 and member.is_binary:  # at least 0, and whole
        cells[0] = cells[0] == 1.0
    floats = {place: np.asarray(cell, np.float64) for place, cell in enumerate(cells, 1) if cell.dtype != np.bool_}
    whole = {place: cell for place, cell in enumerate(cells, 1) if cell.dtype == np.bool_}
    while len(whole) > _MOST_BITS:
        place, cell = whole.popitem()
        floats[place] = cell.astype(np.float64)
    for cell in floats.values():
        fits = np.abs(cell) < TERM_LIMIT
        if not fits.all():  # False for NaN
            valid = fits if valid is None else valid & fits
    if valid is not None and valid.all():
        valid = None
    if valid is not None:
        floats = {place: np.where(valid, cell, 0.0) for place, cell in floats.items()}
        whole = {0: valid, **{place: cell & valid for place, cell in whole.items()}}
    codes = np.zeros(scored.num_rows, np.uint8)
    for bit, cell in enumerate(whole.values()):
        codes |= cell.view(np.uint8) << np.uint8(bit)
    return _Plain(tuple(whole), codes, floats, valid)


@dataclass(frozen=True)
class Sums(Fold[SumsState, SumsResult]):
    """Exact sums of one metric's terms.

    Parameters
    ----------
    metric : str
        The name by which `headrace.lookup` finds the metric whose `terms` are summed.
    parameters : mapping or tuple of (str, plain value)
        What the metric is made with; kept as sorted pairs, so that equal folds are equal.
    label, prediction : str
        Columns of booleans, integers or floats. A row with a null or NaN label is left out; one with a null or NaN
        prediction, an unusable weight, or a term that is not finite counts as invalid, and its group is NaN.
    replicates, seed : int
        Poisson bootstrap replicates beside the data; above 0 the fold reads row ids.

    Cost: about 15 ns a row and term, 30 ns a row and replicate; 16 bytes a group, term and replicate.

    >>> import pyarrow as pa
    >>> fold = Sums("brier")
    >>> rows = Rows(pa.RecordBatch.from_pydict({"label": [1, 0, None], "prediction": [0.5, 0.5, 0.9]}))
    >>> fold.extract(fold.add(fold.create(1), rows, None)).means[0].tolist()
    [0.25]

    Source: fixed-point accumulation, as in Kulisch and Miranker, "The arithmetic of the digital computer" (1986).
    """

    metric: str
    parameters: Pairs = ()
    label: str = "label"
    prediction: str = "prediction"
    replicates: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        # A mapping, or pairs that became lists in JSON, are taken as well.
        pairs: Any = self.parameters.items() if isinstance(self.parameters, Mapping) else self.parameters
        object.__setattr__(self, "parameters", tuple(sorted((str(name), _frozen(value)) for name, value in pairs)))

    def _terms(self) -> tuple[Terms, int]:
        return _member(self.metric, self.parameters)

    def _scored(self, rows: Rows, groups: Groups | None, member: Terms) -> Scored:
        return read_scored(rows, self.label, self.prediction, groups, is_binary=member.is_binary)

    @property
    def columns(self) -> tuple[str, ...]:
        """Label and prediction; row ids for replicates."""
        return (self.label, self.prediction, *((ROW_ID,) if self.replicates else ()))

    def create(self, num_groups: int) -> SumsState:
        """A state of no rows."""
        shape = (num_groups, 2 + self._terms()[1], 1 + self.replicates)
        zeros = np.zeros(num_groups, np.int64)
        return SumsState(zeros, zeros.copy(), np.zeros(shape, np.int64), np.zeros(shape, np.uint64))

    def add(self, state: SumsState, rows: Rows, groups: Groups | None) -> SumsState:
        """Add rows; changes `state`."""
        member, _ = self._terms()
        scored = self._scored(rows, groups, member)
        if not scored.num_rows:
            return state
        num_groups = state.num_groups
        if scored.weight is None and not self.replicates:
            return self._add_plain(state, self._kept(_plain, rows, member, scored), scored.groups)
        cells = self._kept(_cells, rows, member, scored)
        state.num_rows += np.bincount(scored.groups, minlength=num_groups)
        if cells.is_valid is not None:
            state.num_invalid += np.bincount(scored.groups[~cells.is_valid], minlength=num_groups)
        for replicate in range(1 + self.replicates):
            counts = None
            if replicate:
                assert rows.row_id is not None, "the engine makes row ids for folds that name ROW_ID"
                row_id = rows.row_id if scored.index is None else rows.row_id[scored.index]
                counts = poisson_counts(row_id, replicate, self.seed)
            words = sum_cells(cells.values, scored.groups, num_groups, counts, is_whole=cells.is_whole)
            add_words(state.high, state.low, (slice(None), slice(None), replicate), *words)
        return state

    def _kept(self, make: Callable[[Terms, Scored], Made], rows: Rows, member: Terms, scored: Scored) -> Made:
        """The cells of these rows, worked out once for all the ways in which they are cut."""
        if scored.num_rows < rows.num_rows:  # some may be in no group: which, the cut says
            return make(member, scored)
        key = (make, self.metric, self.parameters, self.label, self.prediction)
        found: Made | None = rows.kept.get(key)
        if found is None:
            found = rows.kept[key] = make(member, scored)
        return found

    @staticmethod
    def _add_plain(state: SumsState, cells: _Plain, groups: Groups) -> SumsState:
        num_groups = state.num_groups
        counts = count_codes(cells.codes, groups, num_groups, 1 << len(cells.bits))
        num_rows = counts.sum(axis=1)
        state.num_rows += num_rows
        has_bit = np.arange(counts.shape[1])
        whole = {cell: counts[:, (has_bit >> bit & 1) == 1].sum(axis=1) for bit, cell in enumerate(cells.bits)}
        if cells.is_valid is None:
            whole[0] = num_rows
        state.num_invalid += num_rows - whole[0]
        for cell, found in whole.items():
            add_words(state.high, state.low, (slice(None), cell, 0), *words_of_counts(found))
        if cells.floats:
            floats = list(cells.floats.values())
            words = sum_cells(floats, groups, num_groups, is_whole=[False] * len(floats))
            add_words(state.high, state.low, (slice(None), list(cells.floats), 0), *words)
        return state

    def merge(self, left: SumsState, right: SumsState, groups: Groups) -> SumsState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        np.add.at(left.num_rows, groups, right.num_rows)
        np.add.at(left.num_invalid, groups, right.num_invalid)
        add_words_at(left.high, left.low, groups, right.high, right.low)
        return left

    def extract(self, state: SumsState) -> SumsResult:
        """The sums of the data."""
        return self.extract_replicate(state, 0)

    def extract_replicate(self, state: SumsState, replicate: int) -> SumsResult:
        """The sums of one replicate; 0 is the data itself."""
        cells = to_float(state.high[:, :, replicate], state.low[:, :, replicate])
        cells[state.num_invalid > 0] = np.nan
        weight, positive, *totals = (np.ascontiguousarray(column) for column in cells.T)
        return SumsResult(state.num_rows, state.num_invalid, weight, positive, tuple(totals))
