"""A span of far fewer, or far more, rows than the others."""

from __future__ import annotations

import math
from collections.abc import Iterator

from headrace.dataset import Dataset
from headrace.validation._contract import Check, Context, Item
from headrace.validation.drift import new_spans

__all__ = ["Volume"]

MAX_FACTOR = 3
MIN_OTHERS = 3
NOISE = 3.0  # standard errors of a difference of two counts


class Volume(Check):
    """A file that was cut off, or delivered on top of another, has a number of rows like none before: a warning.

    A new span is held against those that were there before, the previous data set's among them: fewer than a third of
    the smallest, or more than three times the largest, by more than counts vary by chance, is told. Without a previous
    data set each span is held against the others, where there are three or more. Spans without a row are another
    finding (`empty_span`). `value` is the factor by which the worst lies off, `threshold` the factor allowed. Cost: no
    row is read.
    """

    code = "volume"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item, which names the spans that lie off."""
        dataset, previous = context.dataset, context.previous
        rows = _rows(dataset)
        new = set(rows) if previous is None else set(new_spans(dataset, previous))
        before = [] if previous is None else list(_rows(previous).values())
        before += [number for name, number in rows.items() if name not in new]
        told, worst = [], 1.0
        for name, number in rows.items():
            others = before
            if previous is None:
                others = [other for other_name, other in rows.items() if other_name != name]
            if name not in new or not others or (previous is None and len(others) < MIN_OTHERS):
                continue
            least, most = min(others), max(others)
            if _is_below(number, least) or _is_below(most, number):
                usual = f"{least:,}" if least == most else f"{least:,} to {most:,}"
                told.append(f"span {name} has {number:,} rows, where others have {usual}")
                worst = max(worst, least / number, number / most)
        if told:
            more = f"; and {len(told) - 5} more" if len(told) > 5 else ""
            message = f"{'; '.join(told[:5])}{more}: was each file delivered whole, and once?"
            yield Item(self.code, None, None, "warning", round(worst, 3), MAX_FACTOR, message)


def _is_below(number: int, other: int) -> bool:
    """Whether a count is less than a third of another, beyond the noise that both counts have."""
    less = other / MAX_FACTOR - number
    return less > NOISE * math.sqrt(other / MAX_FACTOR**2 + number)


def _rows(dataset: Dataset) -> dict[str, int]:
    """Span -> rows, for those that have some and whose number is known."""
    found = {}
    for span in dataset.spans:
        numbers = [dataset.expected_rows(part) for part in dataset.parts(None, [span.name])]
        known = [number for number in numbers if number is not None]
        total = sum(known)
        if len(known) == len(numbers) and total:
            found[span.name] = total
    return found
