"""Spans that are missing between two that are there."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from headrace.validation._contract import Check, Context, Item

__all__ = ["SpanGap"]

_FORM = re.compile(r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[T_-]?(\d\d))?)?)?", re.ASCII)


class SpanGap(Check):
    """Between two neighbouring spans at most `max_span_gap` may be missing, 0 = none: an error.

    Spans are numbers, years, months, days or hours: 7, 2013, 2013-01, 2013-01-31, 2013-01-31T05. The previous data
    set's count as neighbours. Names of another form cannot be placed, which is an error too: it says so. `value` is the
    number of spans missing in the widest gap, `threshold` the number allowed. Cost: no row is read.
    """

    code = "span_gap"

    def check(self, context: Context) -> Iterator[Item]:
        """Yield one item for the widest gap."""
        most = context.schema.dataset.max_span_gap
        if most is None:
            return
        names = dict.fromkeys(span.name for span in context.dataset.spans)
        if context.previous is not None:
            names.update(dict.fromkeys(span.name for span in context.previous.spans))
        if len(names) < 2:
            return
        placed = _placed(list(names))
        if placed is None:
            shown = ", ".join(list(names)[:5])
            message = f"spans {shown} cannot be placed in time; name them 7, 2013, 2013-01, 2013-01-31 or 2013-01-31T05"
            yield Item(self.code, None, None, "error", None, most, message)
            return
        told, widest = [], 0
        order = sorted(placed, key=lambda pair: pair[0])
        for (earlier, before), (later, after) in itertools.pairwise(order):
            missing = later - earlier - 1
            if missing > most:
                told.append(f"{missing:,} between {before} and {after}")
                widest = max(widest, missing)
        if told:
            more = f"; and {len(told) - 5} gaps more" if len(told) > 5 else ""
            message = f"spans are missing: {'; '.join(told[:5])}{more}; the schema allows {most}: deliver them"
            yield Item(self.code, None, None, "error", widest, most, message)


def _placed(names: list[str]) -> list[tuple[int, str]] | None:
    """Each span's place, counted in the unit that all names are of; None where they have none in common."""
    read = [_FORM.fullmatch(name) for name in names]
    depths = {None if match is None else sum(part is not None for part in match.groups()) for match in read}
    if len(depths) == 1 and None not in depths:
        try:
            return [(_place(match), name) for match, name in zip(read, names, strict=True) if match is not None]
        except ValueError:
            pass
    if all(name.isascii() and name.isdigit() for name in names):
        return [(int(name), name) for name in names]
    return None


def _place(match: re.Match[str]) -> int:
    year, *rest = (None if part is None else int(part) for part in match.groups())
    month, day, hour = rest
    if year is None or month is None:
        return int(year or 0)
    if not 1 <= month <= 12:
        raise ValueError(month)
    if day is None:
        return year * 12 + month
    moment = datetime(year, month, day, hour or 0, tzinfo=UTC)
    days = moment.toordinal()
    return days if hour is None else days * 24 + hour
