"""What drift is judged on: a column's distinct values with their counts, before and after."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.fold import GroupDistribution
from headrace.kinds import Kind

__all__ = ["GRIDS", "Profile", "pool", "shrinking"]

NUM_LEVELS = 2000  # of a sketched column: so many quantiles stand for its values
NUM_TEXTS = 4096
GRIDS = 10.0 ** np.arange(-6, 7)  # what numbers are rounded to

Values = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile:
    """The values of one column in some rows.

    Parameters
    ----------
    kind : Kind
        The column's; booleans are 0 and 1, timestamps microseconds UTC.
    num_rows, num_missing : int
        Rows; those null or NaN.
    values : int64, float64 or str (object) [num_values]
        Distinct finite values, ascending.
    counts : int64[num_values]
        Rows of each.
    is_exact : bool
        Whether these are all values; otherwise quantiles (numbers) or a sample of values (text) stand for them, and
        nothing can be said about values never seen.
    """

    kind: Kind
    num_rows: int
    num_missing: int
    values: Values
    counts: Counts
    is_exact: bool = True

    @classmethod
    def of(cls, found: GroupDistribution) -> Profile:
        """What a Distribution answered for one group."""
        num_missing = found.num_missing + found.num_nan
        if found.kind == "text":
            return cls._of_texts(found, num_missing)
        if found.is_exact:
            values, counts = _numbers(found), found.counts
        else:
            levels = (np.arange(NUM_LEVELS) + 0.5) / NUM_LEVELS
            values, places = np.unique(found.quantiles(levels.tolist()), return_counts=True)
            counts = np.maximum(1, np.round(places * found.num_finite / NUM_LEVELS)).astype(np.int64)
        return cls(found.kind, found.num_rows, num_missing, values, counts, found.is_exact)

    @classmethod
    def _of_texts(cls, found: GroupDistribution, num_missing: int) -> Profile:
        if found.is_exact:
            values = found.values.to_pylist()
            if "\ufffd" not in "".join(values):  # they are distinct, and their bytes' order is that of their characters
                return cls("text", found.num_rows, num_missing, np.array(values, dtype=object), found.counts)
        pairs = found.top_values(found.num_distinct if found.is_exact else NUM_TEXTS)
        totals = _totals(*map(list, zip(*pairs, strict=True))) if pairs else {}  # what is not UTF-8 may read alike
        return cls("text", found.num_rows, num_missing, *_sorted(totals), found.is_exact)

    @functools.cached_property
    def num_present(self) -> int:
        """Rows with a value."""
        return int(self.counts.sum())

    @property
    def share_missing(self) -> float:
        """Rows without a value of all rows, 0..1."""
        return self.num_missing / self.num_rows if self.num_rows else 0.0

    @property
    def is_number(self) -> bool:
        """Whether values have a distance; moments have too, but move on by nature, and so are not compared by it."""
        return self.kind in ("integer", "number")

    @functools.cached_property
    def shares(self) -> npt.NDArray[np.float64]:
        """float64[num_values]: of the rows with a value, how many hold each."""
        return self.counts / max(1, self.num_present)

    @functools.cached_property
    def cumulated(self) -> npt.NDArray[np.float64]:
        """float64[num_values + 1]: share of rows below each value; 1 at the end."""
        return np.concatenate([[0.0], np.cumsum(self.counts)]) / max(1, self.num_present)

    def below(self, grid: Values) -> npt.NDArray[np.float64]:
        """float64[len(grid)]: the share of rows at or below each point."""
        return self.cumulated[np.searchsorted(self.values, grid, "right")]

    def quantile(self, share: float) -> Any:
        """The smallest value with at least that share of rows at or below it; None without values."""
        if not len(self.values):
            return None
        return self.values[min(len(self.values) - 1, int(np.searchsorted(self.cumulated[1:], share - 1e-12)))]

    @functools.cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and population standard deviation; NaN without values."""
        if not len(self.values):
            return float("nan"), float("nan")
        values = self.values.astype(np.float64)
        unit = shrinking(values)
        values = values * unit
        mean = float((values * self.shares).sum())
        return mean / unit, float(np.sqrt(((values - mean) ** 2 * self.shares).sum())) / unit

    @functools.cached_property
    def shares_on_grids(self) -> npt.NDArray[np.float64]:
        """float64[len(GRIDS)]: of the values that are not 0, which is on every grid, the share on each."""
        answer = np.zeros(len(GRIDS))
        values = self.values.astype(np.float64)
        total = max(1, int(self.counts[values != 0].sum()))
        for place, step in enumerate(GRIDS.tolist()):
            scaled = values / step
            whole = np.round(scaled)
            near = (whole != 0) & (np.abs(scaled - whole) <= 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-3))
            answer[place] = float(self.counts[near].sum()) / total
        return answer

    @functools.cached_property
    def clock(self) -> npt.NDArray[np.float64]:
        """float64[96]: of a timestamp's rows, the share in each quarter hour of the day, UTC."""
        quarters = (self.values.astype(np.int64) // 900_000_000) % 96
        return np.bincount(quarters, weights=self.shares, minlength=96).astype(np.float64)

    @functools.cached_property
    def known(self) -> frozenset[Any]:
        """The values, for looking one up."""
        return frozenset(self.values.tolist())

    def has(self, values: Values) -> npt.NDArray[np.bool_]:
        """bool[len(values)]: which are among these values."""
        if not len(values) or not len(self.values):
            return np.zeros(len(values), np.bool_)
        if self.kind == "text":
            return np.fromiter((value in self.known for value in values.tolist()), np.bool_, len(values))
        places = np.searchsorted(self.values, values)
        return np.asarray(self.values[np.minimum(places, len(self.values) - 1)] == values, np.bool_)

    def unseen(self, before: Profile) -> npt.NDArray[np.bool_]:
        """bool[num_values]: which of these values `before` lacks."""
        return ~before.has(self.values)

    def share_unseen(self, before: Profile) -> float:
        """Of the rows with a value, how many hold one that `before` lacks."""
        return float(self.shares[self.unseen(before)].sum())

    @functools.cached_property
    def expected_unseen(self) -> float:
        """The chance that one more row brings a value not among these (Good-Turing: values met once, of all rows)."""
        return float((self.counts == 1).sum()) / max(1, self.num_present)

    @functools.cached_property
    def shapes(self) -> Values:
        """str[num_values]: the form of each value: letters as A or a, digits as 9, all else as it is, 24 characters.

        >>> of = np.array(["N14228", "n/a"], dtype=object)
        >>> Profile("text", 2, 0, of, np.array([1, 1])).shapes.tolist()
        ['A99999', 'a/a']
        """
        return np.array([str(value)[:24].translate(_SHAPES) for value in self.values.tolist()], dtype=object)

    @functools.cached_property
    def shape_counts(self) -> dict[str, int]:
        """Rows of each form."""
        return _totals(self.shapes.tolist(), self.counts.tolist())

    def only(self, kept: npt.NDArray[np.bool_]) -> Profile:
        """The rows whose value is kept."""
        return Profile(self.kind, int(self.counts[kept].sum()), 0, self.values[kept], self.counts[kept], self.is_exact)

    def without(self, part: Profile) -> Profile | None:
        """These rows but for some of them; None where not all values are known."""
        if not self.is_exact or not part.is_exact or self.kind == "text":
            return None
        counts = self.counts.copy()
        np.subtract.at(counts, np.searchsorted(self.values, part.values), part.counts)
        left = counts > 0
        rows, missing = self.num_rows - part.num_rows, self.num_missing - part.num_missing
        return Profile(self.kind, rows, missing, self.values[left], counts[left])

    def mapped(self, values: Values) -> Profile:
        """The same rows with other values: `values[i]` in place of the i-th."""
        distinct, places = np.unique(values, return_inverse=True)
        counts = np.bincount(places.reshape(-1), weights=self.counts, minlength=len(distinct)).astype(np.int64)
        return replace(self, values=distinct, counts=counts)


def _numbers(found: GroupDistribution) -> Values:
    values = found.values
    if found.kind == "boolean":
        return np.array([int(value) for value in values.to_pylist()], dtype=np.int64)
    dtype = np.float64 if found.kind == "number" else np.int64
    return np.frombuffer(values.buffers()[1], dtype, count=values.offset + len(values))[values.offset :]


def _sorted(totals: dict[str, int]) -> tuple[Values, Counts]:
    values = np.array(sorted(totals), dtype=object)
    return values, np.array([totals[value] for value in values], dtype=np.int64)


def _totals(values: list[str], counts: list[int]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for value, count in zip(values, counts, strict=True):
        totals[value] += count
    return dict(totals)


class _Shapes(dict[int, str]):
    """What `str.translate` asks for each character; asked once each."""

    def __missing__(self, code: int) -> str:
        one = chr(code)
        self[code] = shape = "9" if one.isdigit() else "A" if one.isupper() else "a" if one.isalpha() else one
        return shape


_SHAPES = _Shapes()


def shrinking(values: Values) -> float:
    """A power of two that values are multiplied by before they are squared: 1 but for values near the largest float.

    >>> shrinking(np.array([1e150])), shrinking(np.array([-1e308, 1.0])) == 2.0**-600
    (1.0, True)
    """
    return 2.0**-600 if np.abs(values).max(initial=0.0) > 1e150 else 1.0


def pool(profiles: Sequence[Profile]) -> Profile:
    """All rows of several profiles of one column.

    >>> one = Profile("integer", 3, 1, np.array([1, 5]), np.array([1, 1]))
    >>> pool([one, one]).counts.tolist(), pool([one, one]).num_missing
    ([2, 2], 2)
    """
    if len(profiles) == 1:
        return profiles[0]
    first = profiles[0]
    if first.kind == "text":
        texts = [value for one in profiles for value in one.values.tolist()]
        values, counts = _sorted(_totals(texts, [count for one in profiles for count in one.counts.tolist()]))
    else:
        together = np.concatenate([one.values for one in profiles])
        weights = np.concatenate([one.counts for one in profiles])
        values, places = np.unique(together, return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, places.reshape(-1), weights)
    return Profile(
        first.kind,
        sum(one.num_rows for one in profiles),
        sum(one.num_missing for one in profiles),
        values,
        counts,
        all(one.is_exact for one in profiles),
    )
