"""Which planted faults could be seen at all, by anyone: a bound, and an oracle that knows nearly everything.

A test that cries wolf with chance `a` and sees a fault with chance `b` needs at least kl(b, a) = b log(b / a) +
(1 - b) log((1 - b) / (1 - a)) nats between the two hypotheses: no test gets more out of the rows than is in them (the
data processing inequality). The oracle knows the column, the slice, the rows of that very span before they were
broken, and after; so what is in n rows is n x KL(after || before). What it does not know is where to look: `a` is the
budget of one pair, 1 %, over the looks that it takes to look everywhere, columns x (1 + slices). `b` is 0.9.

Distributions are counted in cells: tenths of the numbers, values that come three times or more (a pile-up, a value
filled in), beyond both ends, none, text by value or, where it is rare, by form; and where a fault is about them,
whether a number is on a round grid, which of two columns is larger, how far the clock is from the hour beside it,
copies of whole rows, rows that did not come. Each view by itself: the most that any shows. A fault with fewer nats is
"not visible to anyone": it is counted apart, and printed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from _faults import MIN_ROWS, Made, kind_of

BUDGET, POWER = 0.01, 0.9
TENTHS, PILE, GRIDS = 10, 3, 10.0 ** np.arange(-4, 5)

Cells = Sequence[Hashable]


def nats(original: pa.Table, broken: pa.Table, made: Made) -> float:
    """What is in the rows of the slice of the fault that was made: at most so many nats."""
    if made.kind == "missing":
        return float(original.num_rows - broken.num_rows)  # Poisson: that none of n expected came
    if made.kind == "duplicated":
        num_distinct = original.group_by(original.column_names).aggregate([]).num_rows
        share = (1 + original.num_rows - num_distinct) / (1 + original.num_rows)
        return (broken.num_rows - original.num_rows) * math.log(1 / share)
    inside = pa.array(made.inside)
    before, after = original.filter(inside), broken.filter(inside)
    features = sorted(map(str, made.features))
    found = [_divergence(*_values(before[name], after[name])) for name in features]
    if made.kind == "rounded":
        found += [_divergence(*(_on_grid(side[features[0]], step) for side in (before, after))) for step in GRIDS]
    if made.kind == "swapped":
        found = [sum(found), _divergence(*(_order(side, *features) for side in (before, after)))]
    if made.kind == "zone" and "hour" in original.column_names:
        found.append(_divergence(*(_clock(side, features[0]) for side in (before, after))))
    return max(found)


def needed(table: pa.Table, slicing: Sequence[str]) -> float:
    """The nats without which nobody who looks everywhere sees a fault in nine of ten and cries wolf in 1 % of pairs."""
    slices = sum(
        one["counts"] >= MIN_ROWS for name in slicing for one in pc.value_counts(pc.drop_null(table[name])).to_pylist()
    )
    chance = BUDGET / (table.num_columns * (1 + slices))
    return POWER * math.log(POWER / chance) + (1 - POWER) * math.log((1 - POWER) / (1 - chance))


def _divergence(before: Cells, after: Cells) -> float:
    """n x KL(after || before), cells that `before` lacks having half a row of it."""
    was, now = Counter(before), Counter(after)
    total, num_rows = len(before) + 0.5 * len(now.keys() - was.keys()), len(after)
    return sum(n * math.log((n / num_rows) / (was.get(cell, 0.5) / total)) for cell, n in now.items())


def _values(before: Any, after: Any) -> tuple[Cells, Cells]:
    """Both sides in cells of the same making."""
    kind = kind_of(before)
    sides = [side.to_pylist() for side in (before, after)]
    if kind == "timestamp":
        return tuple([None if one is None else one.hour for one in side] for side in sides)  # type: ignore[return-value]
    frequent = {value for side in sides for value, count in Counter(side).items() if count >= PILE}
    if kind not in ("number", "integer"):
        return tuple([one if one in frequent else _form(one) for one in side] for side in sides)  # type: ignore[return-value]
    some = np.array([one for one in sides[0] if one is not None and one == one], np.float64)
    if not len(some):
        return sides[0], sides[1]
    edges = np.quantile(some, np.linspace(0, 1, TENTHS + 1))

    def cell(value: Any) -> Hashable:
        if value is None or value != value:
            return None
        if value in frequent:
            return ("is", value)
        if not edges[0] <= value <= edges[-1]:
            return "below" if value < edges[0] else "above"
        return int(np.searchsorted(edges, value))

    return [cell(one) for one in sides[0]], [cell(one) for one in sides[1]]


def _form(value: Any) -> Hashable:
    text = str(value)
    return len(text), "".join("9" if one.isdigit() else "A" if one.isalpha() else one for one in text)


def _on_grid(column: Any, step: float) -> Cells:
    values = [one for one in column.to_pylist() if one is not None and one == one]
    return [abs(one / step - round(one / step)) < 1e-6 for one in values]


def _order(table: pa.Table, one: str, other: str) -> Cells:
    pairs = zip(table[one].to_pylist(), table[other].to_pylist(), strict=True)
    return [None if None in (first, second) else (first > second) - (first < second) for first, second in pairs]


def _clock(table: pa.Table, name: str) -> Cells:
    pairs = zip(table[name].to_pylist(), table["hour"].to_pylist(), strict=True)
    return [None if None in (time, hour) else (time.hour - hour) % 24 for time, hour in pairs]
