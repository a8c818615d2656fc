"""Two columns have changed places."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt

from headrace.validation._cells import MIN_ROWS, Cell
from headrace.validation._distances import gap_noise
from headrace.validation._maps import LEAST_NATS, MOST_VALUES, RATES, gain
from headrace.validation._profile import Profile
from headrace.validation._search import Fault, Key, explain
from headrace.validation._signature import FEW, MOST_ROWS, Sign, dispersion_of, medians, plain
from headrace.validation._span_signature import SpanChange, SpanFault, SpanSignature

__all__ = ["Swapped"]

MIN_GAP = 0.15
EXPLAINED = 0.9
MIN_RATE = 0.2
NEAR = 0.25  # that both parts of the rows must be alike
MOST_LEFT = 0.25  # of the change
SUSPECT, MIN_NATS = 0.1, 4.0  # of either column; both together are what is asked


class Swapped(SpanSignature):
    """Each of two columns of a kind holds what the other held, in all rows of a slice or in a part of them: `origin`
    and `dest`, `hour` and `minute`, delivered in another order.

    Both must fit: the new distribution of either is a mixture of its own old one and the other's, with one share. Told
    once, of the first of the two by name. Columns that are alike cannot be told apart, and need not be.
    """

    code = "swapped"
    rank = 0

    def find(self, change: SpanChange) -> list[SpanFault]:
        """Pairs of columns, each in the fewest slices that explain it."""
        marks: dict[tuple[str, str], dict[str, list[Fault]]] = {}
        cells: list[tuple[str, Key, dict[str, Cell]]] = [("", (), {name: change.whole[name] for name in change.slices})]
        for column in change.columns:
            by_value: dict[tuple[object, ...], dict[str, Cell]] = {}
            for name, slices in change.slices.items():
                for values, cell in slices.get(column, {}).items():
                    by_value.setdefault(values, {})[name] = cell
            cells += [(column, ((column, values[0]),), found) for values, found in by_value.items()]
        has_many = max((cell.after.num_rows for cell in change.whole.values()), default=0) > MOST_ROWS
        for column, key, found in cells:
            for pair, fault in self._pairs(found, key) or ([] if has_many else self._likely(found, key)):
                marks.setdefault(pair, {}).setdefault(column, []).append(fault)
        taken: set[str] = set()
        answer = []
        explained = {pair: explain(found, change.whole[pair[0]].after.num_rows) for pair, found in marks.items()}
        for pair in sorted(explained, key=lambda one: (-explained[one][1], one)):
            if not taken & set(pair):
                taken |= set(pair)
                answer += [SpanFault(pair[0], fault, pair) for fault in explained[pair][0]]
        return answer

    def _likely(self, cells: dict[str, Cell], key: Key) -> list[tuple[tuple[str, str], Fault]]:
        """The pairs that few rows are likeliest to have swapped (`headrace.validation._maps`): both columns, by one
        share of the rows. Chosen among many pairs, a pair must gain the more."""
        moved = {
            name: cell
            for name, cell in sorted(cells.items())
            if min(cell.before.num_present, cell.after.num_present) >= MIN_ROWS
            and max(len(cell.before.values), len(cell.after.values)) <= MOST_VALUES
            and cell.before.is_exact
            and cell.after.is_exact
            and cell.before.kind in ("integer", "number", "text")
            and _apart(cell.before, cell.after)
            > (gap_noise(cell.before, cell.after, SUSPECT) if cell.before.is_number else 0)
        }
        if len(moved) < 2 or min(len(cell.history) for cell in moved.values()) < 2:
            return []
        least = LEAST_NATS + math.log(len(moved) * (len(moved) - 1) / 2)
        found = []
        for one, other in combinations(moved, 2):
            first, second = moved[one], moved[other]
            if first.before.kind != second.before.kind:
                continue
            far = max(dispersion_of(first.history), dispersion_of(second.history))
            sides = (
                gain(first.before, first.after, second.before, RATES, far),
                gain(second.before, second.after, first.before, RATES, far),
            )
            nats, rates = sides[0].nats + sides[1].nats, [side.rate for side in sides]
            if nats < least or min(side.nats for side in sides) < MIN_NATS or not all(side.fits for side in sides):
                continue
            if min(rates) < (1 - NEAR) * max(rates) or min(rates) < MIN_RATE:
                continue
            found.append(((one, other), self._fault(key, other, first, sum(rates) / 2, nats)))
        return found

    def _fault(self, key: Key, other: str, first: Cell, rate: float, nats: float = 0.0) -> Fault:
        rows = first.after.num_rows
        sign = Sign(
            rate,
            other,
            f"its values are those of {other}, and {other} has its values"
            + (f", in about {100 * rate:.2g} % of rows" if rate < 0.9 else ""),
            is_plain=True,
            detail=medians(first.before, first.after),
            hint="columns in another order?",
            before=plain(first.before.quantile(0.5)),
            after=plain(first.after.quantile(0.5)),
            nats=nats,
            is_throughout=nats > 0 and rate >= 0.9,
        )
        return Fault(self.code, key, sign, True, round(rate * rows), first.after.num_present, rows)

    def _pairs(self, cells: dict[str, Cell], key: Key) -> list[tuple[tuple[str, str], Fault]]:
        moved = {}
        for name in sorted(cells):
            cell = cells[name]
            if min(cell.before.num_present, cell.after.num_present) >= FEW and cell.after.num_rows >= MIN_ROWS:
                far = _apart(cell.before, cell.after)
                if far >= MIN_GAP and far > gap_noise(cell.before, cell.after):
                    moved[name] = cell
        found = []
        for one, other in combinations(moved, 2):
            first, second = moved[one], moved[other]
            rates = [_mixed(first, second), _mixed(second, first)]
            if None in rates:
                continue
            low, high = sorted(rate for rate in rates if rate is not None)
            nulls = max(one.share_missing for cell in (first, second) for one in (cell.before, cell.after))
            if low < MIN_RATE or low < (1 - NEAR - min(0.5, nulls)) * high:
                continue
            found.append(((one, other), self._fault(key, other, first, (low + high) / 2)))
        return found


def _mixed(cell: Cell, other: Cell) -> float | None:
    """The part of the rows that hold what the other column held; None where that does not explain the change."""
    if (cell.before.kind in ("integer", "number")) != (other.before.kind in ("integer", "number")):
        return None
    if not cell.before.is_number and cell.before.kind != other.before.kind:
        return None
    best: tuple[float, float] | None = None
    for was in (cell.before, cell.history[-1]):
        for would in (other.before, other.history[-1]):
            if not was.num_present or not would.num_present:
                continue
            first, now, second = _curves(was, cell.after, would)
            moved, change = now - first, second - first
            square, total = float((change * change).sum()), float((moved * moved).sum())
            if square <= 0 or total <= 0:
                continue
            rate = float(np.clip((moved * change).sum() / square, 0.0, 1.0))
            rest = moved - rate * change
            most, far = float(np.abs(rest).max()), float(np.abs(moved).max())
            explained = 1 - float((rest * rest).sum()) / total
            if explained >= EXPLAINED and most <= max(MOST_LEFT * far, gap_noise(was, cell.after)):
                best = max(best or (0.0, 0.0), (explained, rate))
    return best[1] if best else None


def _curves(*profiles: Profile) -> list[npt.NDArray[np.float64]]:
    """Numbers as distribution functions over all values, categories as their shares."""
    if profiles[0].is_number:
        grid = np.unique(np.concatenate([one.values.astype(np.float64) for one in profiles]))
        return [one.below(grid) for one in profiles]
    names = sorted(set().union(*(one.values.tolist() for one in profiles)))
    answer = []
    for one in profiles:
        known = dict(zip(one.values.tolist(), one.shares.tolist(), strict=True))
        answer.append(np.array([known.get(name, 0.0) for name in names]))
    return answer


def _apart(before: Profile, after: Profile) -> float:
    first, second = _curves(before, after)
    apart = np.abs(first - second)
    return float(apart.max(initial=0.0)) if before.is_number else float(apart.sum()) / 2
