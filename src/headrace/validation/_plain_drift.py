"""Drift without the mark of any fault: a column is merely spread otherwise, and that is told as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.slicing import slice_name
from headrace.validation._cells import Cell, Cells
from headrace.validation._contract import Item, Severity
from headrace.validation._distances import Distance, distances
from headrace.validation._profile import pool
from headrace.validation._search import moves_on
from headrace.validation._signature import plain, shown

__all__ = ["ERROR_RATE", "plain_drift"]

ERROR_RATE = 1e-3  # of a whole comparison without any drift

_WORDS = {
    "wasserstein": "values have moved by {:.2g} standard deviations",
    "jensen_shannon": "categories are spread differently (Jensen-Shannon distance {:.2g})",
    "nulls": "the share of nulls has changed by {:.2g}",
    "never_seen": "a share of {:.2g} of the values was never seen before",
    "population_stability": "the population stability index is {:.2g}",
    "normalized_difference": "the number of rows of one value differs by {:.2g} of all rows",
    "l_infinity": "the share of one value has changed by {:.2g}",
    "g_test": "counts are spread differently (effect of the G-test {:.2g})",
}
_CAVEAT = "among many rows the smallest difference is unlikely"


def plain_drift(
    name: str, cell: Cell, measured: Sequence[Distance], span: str, slices: Mapping[str, Cells] | None = None
) -> list[Item]:
    """The item of a column that has moved beyond its threshold without the mark of any fault; [] where it has not.

    A warning, or less; beyond a threshold that a person gave it is an error.
    """
    drifted = [one for one in measured if one.has_drifted]
    if not drifted:
        return []
    worst = max(drifted, key=lambda one: (one.limit is not None, one.excess))
    is_usual = worst.value <= _usual(cell, worst.measure)
    is_moving = moves_on(cell.history)
    where = None if is_usual else _where(slices or {}, worst)
    message = f"{name}: {_WORDS[worst.measure].format(worst.value)} in {span}"
    was, now = plain(cell.before.quantile(0.5)), plain(cell.after.quantile(0.5))
    if worst.measure == "nulls":
        was, now = cell.before.share_missing, cell.after.share_missing
    if worst.measure == "nulls" or cell.after.is_number:
        message += f" ({'median ' if worst.measure != 'nulls' else ''}{shown(was)} -> {shown(now)})"
    if is_moving:
        message += ", as with every span"
    elif is_usual:
        message += ", no further than earlier spans lie from each other"
    if where is not None:
        message += f", because of the rows where {where.replace('=', ' = ', 1)}"
    severity: Severity = "error" if worst.limit is not None else "info" if is_moving else "warning"
    if severity != "info":
        message += "".join(
            f"; likelihood {_rarely(one.likelihood)}, were nothing other ({_CAVEAT})"
            for one in measured
            if one.likelihood is not None
        )
    threshold = max(worst.threshold, worst.noise)
    rows = cell.after.num_rows
    return [Item("drift", name, where, severity, worst.value, threshold, message, before=was, after=now, num_rows=rows)]


def _usual(cell: Cell, measure: str) -> float:
    """The largest such distance of an earlier span from the others; 0 where there are fewer than three."""
    history = cell.history if len(cell.history) > 2 else ()
    return max(
        (
            one.value
            for place, profile in enumerate(history)
            for one in distances(pool([*history[:place], *history[place + 1 :]]), profile, ERROR_RATE, {})
            if one.measure == measure
        ),
        default=0.0,
    )


def _where(slices: Mapping[str, Cells], worst: Distance) -> str | None:
    """The smallest slice without which there is no drift; None where no slice of less than half the rows is that."""
    found: list[tuple[int, str]] = []
    for column, cells in slices.items():
        rows = sum(cell.after.num_rows for cell in cells.values())
        for values, cell in cells.items():
            others = [other for other in cells.values() if other is not cell]
            if not others or cell.after.num_rows > rows / 2:
                continue
            before, after = pool([other.before for other in others]), pool([other.after for other in others])
            left = [one for one in distances(before, after, ERROR_RATE, {}) if one.measure == worst.measure]
            if all(one.value <= worst.threshold / 2 for one in left):
                found.append((cell.after.num_rows, slice_name([column], values)))
    return min(found)[1] if found else None


def _rarely(likelihood: float) -> str:
    return f"{likelihood:.2g}" if likelihood >= 1e-12 else "under 1e-12"
