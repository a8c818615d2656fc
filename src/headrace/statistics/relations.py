"""Relations: how columns go together, two by two, and what each says about the label."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import UnknownName

__all__ = ["Relation", "Relations"]

NUM_ROWS = 65_536
MOST_COLUMNS = 100
_NUM_BINS = 32
_FEWEST_ROWS = 10
_LIMB_BITS = 17


@dataclass(frozen=True)
class Relation:
    """How two columns go together, over the rows in which both have a value.

    Parameters
    ----------
    left, right : str
        The columns.
    num_rows : int
        Rows that the figures are about.
    pearson, spearman : float or None
        Correlation of the values, and of their ranks (equal values share theirs); None unless both columns are numbers,
        booleans or moments, and for a column that does not vary in these rows.
    mutual_information : float
        In bits, between the columns cut into at most 32 values or ranges, a null being a value of its own; less what
        chance would give (Miller and Madow), never below 0.
    share : float
        That, of the entropy of the column that has less of it: 0 = independent, 1 = one follows from the other.
    error_bound : float
        How far a correlation of all rows may be from these, with probability 0.95; 0 where all rows were looked at.
    """

    left: str
    right: str
    num_rows: int
    pearson: float | None
    spearman: float | None
    mutual_information: float
    share: float
    error_bound: float


@dataclass(frozen=True)
class Relations:
    """All relations of a data set.

    Parameters
    ----------
    num_rows : int
        Rows looked at: all, or 65,536 drawn by the hash of their id.
    is_exact : bool
        Whether these are all rows.
    label : str or None
        The label.
    pairs : tuple of Relation
        Each pair of columns once, the most telling first.
    left_out : tuple of str
        Columns that are not in any: lists, structs and other types that are not compared, or beyond the first 100.

    >>> import pyarrow as pa
    >>> from headrace.dataset import Dataset
    >>> from headrace.statistics import analyze
    >>> table = pa.table({"x": range(100), "y": [2 * at for at in range(100)], "z": [at % 2 for at in range(100)]})
    >>> relations = analyze(Dataset.from_arrow(table), relations=True).relations
    >>> relations["x", "y"].pearson, relations["x", "y"].share
    (1.0, 1.0)
    """

    num_rows: int
    is_exact: bool
    label: str | None
    pairs: tuple[Relation, ...]
    left_out: tuple[str, ...] = ()

    def __getitem__(self, names: tuple[str, str]) -> Relation:
        """The relation of two columns, in any order; UnknownName with the nearest name."""
        left, right = names
        for one in self.pairs:
            if {one.left, one.right} == {left, right}:
                return one
        known = list(dict.fromkeys(name for one in self.pairs for name in (one.left, one.right)))
        unknown = left if left not in known else right
        raise UnknownName("column with relations", unknown, known)

    @property
    def with_label(self) -> tuple[Relation, ...]:
        """Those of the label, the most telling first; () without a label."""
        return tuple(one for one in self.pairs if self.label in (one.left, one.right))

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` gave."""
        pairs = tuple(Relation(**one) for one in plain["pairs"])
        return cls(plain["num_rows"], plain["is_exact"], plain["label"], pairs, tuple(plain["left_out"]))

    @classmethod
    def of_rows(cls, rows: pa.Table, *, total: int, label: str | None, left_out: Sequence[str] = ()) -> Self:
        """All relations between the columns of a sample of `total` rows.

        Cost: about 1 ms a pair. What is added up is whole numbers, so the order of rows cannot be seen.
        """
        columns = {name: _Column.of(rows[name]) for name in rows.column_names}
        is_exact = rows.num_rows == total
        found = [_relation(left, right, columns, is_exact) for left, right in itertools.combinations(columns, 2)]
        found.sort(key=lambda one: (-max(one.share, abs(one.spearman or 0.0)), one.left, one.right))
        return cls(rows.num_rows, is_exact, label, tuple(found), tuple(left_out))


@dataclass(frozen=True)
class _Column:
    """A column as relations need it: codes of at most 33 values, and numbers where it has any."""

    codes: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64] | None

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Column:
        kind = column.type
        if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind) or pa.types.is_string(kind):
            return cls(_text_codes(column), None)
        if pa.types.is_null(kind):
            return cls(np.zeros(len(column), np.int64), None)
        if pa.types.is_timestamp(kind) or pa.types.is_boolean(kind):
            column = column.cast(pa.int64())
        numbers = np.asarray(column.cast(pa.float64(), safe=False).fill_null(math.nan), np.float64)
        return cls(_number_codes(numbers), numbers)


def _text_codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """The most frequent texts by themselves, all others as one, nulls as one."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.fill_null(len(encoded.dictionary)), np.int64)
    texts = encoded.dictionary.cast(pa.large_binary()).to_pylist()
    counts = np.bincount(codes, minlength=len(texts) + 1)
    order = sorted(range(len(texts)), key=lambda at: (-counts[at], texts[at]))
    places = np.full(len(texts) + 1, _NUM_BINS - 1, np.int64)
    places[order[: _NUM_BINS - 1]] = np.arange(min(len(order), _NUM_BINS - 1))
    places[len(texts)] = _NUM_BINS
    return places[codes]


def _number_codes(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Values by themselves where they are few, else ranges of equally many; nulls and NaN as one."""
    valid = ~np.isnan(numbers)
    distinct = np.unique(numbers[valid])
    edges = distinct
    if len(distinct) > _NUM_BINS:
        ordered = np.sort(numbers[valid])
        edges = np.unique(ordered[(np.arange(_NUM_BINS) * len(ordered)) // _NUM_BINS])
    codes = np.full(len(numbers), _NUM_BINS, np.int64)
    codes[valid] = np.maximum(np.searchsorted(edges, numbers[valid], side="right") - 1, 0)
    return codes


def _relation(left: str, right: str, columns: Mapping[str, _Column], is_exact: bool) -> Relation:
    one, other = columns[left], columns[right]
    information, share = _information(one.codes, other.codes)
    pearson = spearman = None
    number, bound = len(one.codes), 0.0
    if one.numbers is not None and other.numbers is not None:
        both = np.isfinite(one.numbers) & np.isfinite(other.numbers)
        x, y = one.numbers[both], other.numbers[both]
        number = len(x)
        if number >= _FEWEST_ROWS:
            pearson = _correlation(_whole(x), _whole(y))
            spearman = _correlation((_ranks(x), None), (_ranks(y), None))
        if not is_exact and number > 3:
            bound = math.tanh(1.96 / math.sqrt(number - 3))
    return Relation(left, right, number, pearson, spearman, information, share, bound)


_Limbs = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Twice the rank of each value, less the middle one: whole numbers below 2^18."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    doubled = 2 * ends - counts - len(values)
    return np.asarray(doubled[places.reshape(-1)], np.float64)


def _whole(values: npt.NDArray[np.float64]) -> _Limbs:
    """Values as 2^17 high + low, whole numbers of 35 bits over the range they have."""
    low, high = float(values.min()), float(values.max())
    reach = max(high / 2 - low / 2, np.finfo(np.float64).tiny)
    parts = np.rint((values / 2 - (high / 4 + low / 4)) / reach * 2.0 ** (2 * _LIMB_BITS))
    top = np.floor(parts * 2.0**-_LIMB_BITS)
    return top, parts - top * 2.0**_LIMB_BITS


def _correlation(x: _Limbs, y: _Limbs) -> float | None:
    """Pearson's of whole numbers. Each product of limbs is below 2^37 and so their sums are exact in any order."""
    number = len(x[0])
    sum_x, sum_y = _sum(x), _sum(y)
    spread_x, spread_y = number * _dot(x, x) - sum_x * sum_x, number * _dot(y, y) - sum_y * sum_y
    if spread_x <= 0 or spread_y <= 0:
        return None
    product = number * _dot(x, y) - sum_x * sum_y
    # The square root of an integer ratio, rounded at the end only.
    root = math.isqrt((product * product << 128) // (spread_x * spread_y))
    return math.copysign(min(1.0, root / 2.0**64), product) if product else 0.0


def _sum(x: _Limbs) -> int:
    top, low = x
    return int(top.sum()) if low is None else (int(top.sum()) << _LIMB_BITS) + int(low.sum())


def _dot(x: _Limbs, y: _Limbs) -> int:
    (a, b), (c, d) = x, y
    found = int(a @ c)
    if b is None or d is None:
        return found
    return (found << (2 * _LIMB_BITS)) + ((int(a @ d) + int(b @ c)) << _LIMB_BITS) + int(b @ d)


def _information(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Mutual information in bits, corrected for chance, and its share of the smaller entropy."""
    size = _NUM_BINS + 1
    table = np.bincount(left * size + right, minlength=size * size).reshape(size, size)
    total = int(table.sum())
    if not total:
        return 0.0, 0.0
    rows, across = table.sum(1), table.sum(0)
    entropies = [_entropy(counts, total) for counts in (rows, across, table.reshape(-1))]
    smaller = min(entropies[0], entropies[1])
    if smaller <= 0:
        return 0.0, 0.0
    raw = entropies[0] + entropies[1] - entropies[2]
    cells = [int(np.count_nonzero(counts)) for counts in (rows, across, table)]
    chance = (cells[2] - cells[0] - cells[1] + 1) / (2 * total * math.log(2))
    # Where one follows from the other no cell is by chance, and the correction would only take away.
    found = smaller if raw >= smaller * (1 - 1e-12) else max(0.0, min(raw - chance, smaller))
    return found, found / smaller


def _entropy(counts: npt.NDArray[np.int64], total: int) -> float:
    shares = [count / total for count in counts.tolist() if count]
    return -math.fsum(share * math.log2(share) for share in shares)
