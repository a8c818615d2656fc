"""Weak slices: where a model is worse than elsewhere, found without being told where to look.

Whoever looks at thousands of slices finds a bad one by chance. So one half of the rows, by row id, proposes, and the
other half judges: a few candidates, at Holm's levels, with differences and intervals that looking has not made larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.calls import Checked
from headrace.dataset.rows import to_array
from headrace.errors import InvalidInput, UnknownName
from headrace.evaluation._contract import Metric, SumMetric, make_metrics
from headrace.evaluation._slice_encoding import CUT_KINDS, Encoded, Term, encode_column
from headrace.evaluation._slice_search import Candidate, search
from headrace.fold.kernels.hashing import combine, hash_text, mix
from headrace.kinds import kind_of
from headrace.rules._interval import interval_of_mean, probability_above, z_of_mean
from headrace.rules._sure import LEVEL, holm

__all__ = ["WeakSlice", "WeakSlices", "find_weak_slices", "plain_slices", "read_slices"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_ROWS = 1 << 20  # that are searched; of more, as many are drawn by row id: memory and time are bounded


@dataclass(frozen=True)
class WeakSlice:
    """Rows on which a model is surely worse than on the others.

    Parameters
    ----------
    condition : str
        Which rows, as `slices=[...]` takes it: "carrier == AA and hour >= 5 and hour < 8". The slice's name in a rule
        is then `"carrier == AA and hour >= 5 and hour < 8"=true`.
    terms : tuple of (column, operator, value as JSON)
        The same as data.
    words : str
        The same for people: "carrier AA, hour 5 to 8".
    num_rows : int
        Rows of the evaluation that it holds.
    inside, outside : float
        The mean loss in it and in all other rows.
    difference, lower, upper : float
        inside - outside, and its 95 % interval.
    chance : float
        How likely so large a difference would be if there were none, corrected for the number of candidates.
    contribution : float
        The share of all loss that would go if it were as good as the others, 0..1.

    What is measured is measured on the half of the rows that did not propose it; `num_rows` counts all.
    """

    condition: str
    terms: tuple[Term, ...]
    words: str
    num_rows: int
    inside: float
    outside: float
    difference: float
    lower: float
    upper: float
    chance: float
    contribution: float


@dataclass(frozen=True)
class WeakSlices(Checked):
    """How to look for weak slices: `hr.evaluate(..., find_slices=hr.WeakSlices(depth=3))`.

    Parameters
    ----------
    columns : sequence of str
        Where to look; () = every column that is no label, key, weight or prediction and holds text, numbers,
        booleans or moments.
    loss : str or Metric
        What is worse when it is larger: a metric that is the mean of one term, such as log_loss; "" = brier where
        labels are 0 and 1, else mean_absolute_error.
    depth : int
        How many columns a slice may name, 1 to 3.
    min_share, min_rows : float, int
        The fewest rows of a slice: so large a share of all, and no fewer than so many in either half.
    num_bins : int
        Into how many ranges of equally many rows numbers are cut; a column of no more values is taken as it is.
    most : int
        How many candidates are judged, and slices reported at the most, 1 to 100.

    Raises InvalidInput for values outside these.

    >>> WeakSlices().depth
    2
    """

    columns: tuple[str, ...] = ()
    loss: str | Metric = ""
    depth: int = 2
    min_share: float = 0.005
    min_rows: int = 30
    num_bins: int = 10
    most: int = 10

    def __post_init__(self) -> None:
        columns: object = self.columns
        if isinstance(columns, str) or not isinstance(columns, (list, tuple)):
            raise InvalidInput(f"columns = {columns!r}", where="WeakSlices", expected="a list of names of columns")
        object.__setattr__(self, "columns", tuple(columns))
        for name, low, high in (
            ("depth", 1, 3),
            ("min_share", 0.0, 0.5),
            ("min_rows", 2, math.inf),
            ("num_bins", 2, 100),
            ("most", 1, 100),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidInput(f"{name} = {value!r}", where="WeakSlices", expected=f"{low} to {high}")


def find_weak_slices(
    table: pa.Table,
    label: Floats,
    prediction: Floats,
    settings: WeakSlices,
    *,
    weight: Floats | None = None,
    row_id: npt.NDArray[np.uint64] | None = None,
) -> tuple[WeakSlice, ...]:
    """The weak slices of these rows, the one that surely costs most first; () where none is sure.

    Parameters
    ----------
    table : pyarrow.Table
        The columns to look at, one row a prediction.
    label, prediction, weight : float64[num_rows]
        As in an evaluation. Rows whose loss is not defined are left out.
    settings : WeakSlices
        How to look; its `columns` are those of the table where it names none.
    row_id : uint64[num_rows], optional
        Rows of one id are in one half; None = each is its own.

    Raises UnknownName for a column or loss, InvalidInput for one that cannot be used.
    Cost: about 20 ns a row and pair of columns; memory: 2 bytes a row and column of 1,048,576 rows at the most.

    Source: Sagadeeva and Boehm, "SliceLine: fast, linear-algebra-based slice finding for ML model debugging" (2021),
    whose enumeration by bounds on size and error this is; Holm (1979) for the levels.
    """
    loss = _loss_of(settings.loss, label)
    with np.errstate(all="ignore"):
        (lost,) = loss.terms(label, prediction)
    lost = np.asarray(lost, np.float64)
    weights = np.ones(len(lost)) if weight is None else weight
    hashed = _draw(row_id, len(lost))
    usable = np.isfinite(lost) & (weights > 0.0)
    if len(lost) > MOST_ROWS:
        usable &= hashed >> np.uint64(11) < np.uint64(MOST_ROWS / len(lost) * 2.0**53)
    rows = np.flatnonzero(usable)
    is_first = (hashed[rows] & np.uint64(1)).astype(np.bool_)
    names = settings.columns or tuple(table.column_names)
    fewest = max(settings.min_rows, math.ceil(settings.min_share * int(is_first.sum())))
    encoded = []
    taken = to_array(rows)
    for name in names:
        if name not in table.column_names:
            raise UnknownName("column", name, table.column_names, where="find_slices")
        if kind_of(table[name].type) not in CUT_KINDS:
            if not settings.columns:
                continue
            raise InvalidInput(
                f"column {name!r} is {table[name].type}", where="find_slices", expected="text or numbers"
            )
        one = encode_column(name, table[name].take(taken), is_first, fewest, settings.num_bins)
        if one is not None:
            encoded.append(one)
    if len(rows) < 4 * settings.min_rows:
        return ()
    first = [one.of(is_first) for one in encoded]
    candidates = search(first, lost[rows][is_first], weights[rows][is_first], settings)
    rest = ~is_first
    judged = _judge([one.of(rest) for one in encoded], candidates, lost[rows][rest], weights[rows][rest])
    return tuple(_told(item, encoded, table) for item in judged)


def _loss_of(asked: str | Metric, label: Floats) -> SumMetric:
    is_binary = bool(((label == 0.0) | (label == 1.0)).all())
    (found,) = make_metrics([asked or ("brier" if is_binary else "mean_absolute_error")])
    nothing = np.zeros(0)
    if not isinstance(found, SumMetric) or found.higher_is_better or len(found.terms(nothing, nothing)) != 1:
        raise InvalidInput(
            f"{found.name} is no loss of one row",
            where="find_slices",
            expected="a metric that is the mean of one term and better when smaller, such as brier or log_loss",
        )
    return found


def _draw(row_id: npt.NDArray[np.uint64] | None, num_rows: int) -> npt.NDArray[np.uint64]:
    ids = np.arange(num_rows, dtype=np.uint64) if row_id is None else row_id
    return mix(combine(np.repeat(hash_text("weak slices"), num_rows), ids))


@dataclass(frozen=True)
class _Judged:
    candidate: Candidate
    inside: float
    outside: float
    std_error: float
    num_inside: int
    chance: float
    contribution: float


def _judge(encoded: Sequence[Encoded], candidates: Sequence[Candidate], lost: Floats, weight: Floats) -> list[_Judged]:
    """The candidates that rows which did not propose them find weak, each beside those before it."""
    masks = [candidate.mask(encoded) for candidate in candidates]
    chances = holm([_compared(mask, ~mask, lost, weight)[3] for mask in masks])
    explained = np.zeros(len(lost), np.bool_)
    kept = []
    for candidate, mask, chance in zip(candidates, masks, chances, strict=True):
        # What is weak only because it overlaps with a slice that was named already is not named again.
        if chance > LEVEL or _compared(mask & ~explained, ~(mask | explained), lost, weight)[3] > LEVEL:
            continue
        inside, outside, std_error, _ = _compared(mask, ~mask, lost, weight)
        share = float(weight[mask].sum()) * (inside - outside) / float((weight * lost).sum())
        kept.append(_Judged(candidate, inside, outside, std_error, int(mask.sum()), chance, min(share, 1.0)))
        explained |= mask
    return kept


def _compared(inside: Bools, outside: Bools, lost: Floats, weight: Floats) -> tuple[float, float, float, float]:
    """(mean inside, mean outside, standard error of the difference, chance of one so large)."""
    means, variance = [], 0.0
    for mask in (inside, outside):
        values, weights = lost[mask], weight[mask]
        if len(values) < 2:
            return math.nan, math.nan, math.nan, 1.0
        mean = float((weights * values).sum() / weights.sum())
        spread = float((np.square(weights * (values - mean))).sum()) * len(values) / (len(values) - 1)
        means.append(mean)
        variance += spread / float(weights.sum()) ** 2
    std_error = math.sqrt(variance)
    z = z_of_mean(means[0] - means[1], std_error, int(inside.sum()))
    return means[0], means[1], std_error, probability_above(z)


def _told(item: _Judged, encoded: Sequence[Encoded], table: pa.Table) -> WeakSlice:
    condition = item.candidate.condition(encoded)
    words = ", ".join(encoded[column].words[code] for column, code in item.candidate.parts)
    held = condition.derive(table.select(list(condition.columns)).combine_chunks().to_batches()[0])
    difference = item.inside - item.outside
    lower, upper = interval_of_mean(difference, item.std_error, item.num_inside)
    return WeakSlice(
        condition.text,
        condition.terms,
        words,
        int(held.true_count),
        item.inside,
        item.outside,
        difference,
        lower,
        upper,
        item.chance,
        item.contribution,
    )


def plain_slices(found: Sequence[WeakSlice]) -> list[dict[str, Any]]:
    """As plain data."""
    return [{**vars(one), "terms": [list(term) for term in one.terms]} for one in found]


def read_slices(plain: Sequence[dict[str, Any]]) -> tuple[WeakSlice, ...]:
    """What `plain_slices` made."""
    return tuple(WeakSlice(**{**one, "terms": tuple((c, o, v) for c, o, v in one["terms"])}) for one in plain)
