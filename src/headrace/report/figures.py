"""Figures: numbers as a person reads them, in as many digits as say something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["NOTHING", "aligned", "count", "duration", "figure", "moment", "plural", "share", "signed", "size"]

NOTHING = "\u2013"  # a dash
_MINUS = "\u2212"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _typeset(text: str) -> str:
    return text.replace("-", _MINUS)


def count(number: float) -> str:
    """A whole number with separators of thousands.

    >>> count(166158)
    '166,158'
    """
    return _typeset(f"{round(number):,}")


def plural(number: int, word: str, many: str = "") -> str:
    """A number of things.

    >>> plural(1, "row"), plural(2000, "row"), plural(2, "entry", "entries")
    ('1 row', '2,000 rows', '2 entries')
    """
    return f"{count(number)} {word if number == 1 else many or word + 's'}"


def figure(value: Any, digits: int = 4) -> str:
    """A measured number in about so many significant digits; whole numbers whole, up to 15 digits.

    >>> figure(12.63907), figure(0.000123456), figure(1_234_567.8), figure(2013), figure(None) == NOTHING
    ('12.64', '0.0001235', '1,234,568', '2013', True)
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return _typeset("∞" if number > 0 else "-∞")
    if number == 0:
        return "0"
    size_ = abs(number)
    if size_ >= 1e15 or size_ < 1e-5:
        mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return _typeset(f"{mantissa}e{int(exponent)}")
    # Four digits are read at a glance, and may be a year.
    separator = "," if size_ >= 10_000 else ""
    if number == int(number):
        return _typeset(f"{int(number):{separator}}")
    decimals = max(0, digits - 1 - math.floor(math.log10(size_)))
    text = f"{number:{separator}.{decimals}f}"
    return _typeset(text.rstrip("0").rstrip(".") if "." in text else text)


def aligned(values: Sequence[float | None], digits: int = 4) -> list[str]:
    """Measured numbers that stand under each other: all with as many decimals as the neediest of them, six at most.

    >>> aligned([0.71, 0.6361, 12.0])
    ['0.7100', '0.6361', '12.0000']
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    decimals = max(
        (len(figure(value, digits).partition(".")[2]) for value in known if "e" not in figure(value)), default=0
    )
    return [
        _typeset(f"{value:,.{min(decimals, 6)}f}") if value is not None and math.isfinite(value) else figure(value)
        for value in values
    ]


def signed(value: float, digits: int = 3) -> str:
    """A difference, with its sign.

    >>> signed(0.0123), signed(0.0)
    ('+0.0123', '±0')
    """
    if value == 0:
        return "±0"
    return ("+" if value > 0 else "") + figure(value, digits)


def share(value: float) -> str:
    """A share (0..1) in per cent; a share that is not quite nothing, or not quite all, never reads as if it were.

    >>> share(0.0064), share(0.5), share(0.00001), share(0.99999), share(1.0)
    ('0.64 %', '50 %', 'under 0.01 %', 'over 99.99 %', '100 %')
    """
    if math.isnan(value):
        return "NaN"
    if 0 < value < 0.0001:
        return "under 0.01 %"
    if 0.9999 < value < 1:
        return "over 99.99 %"
    percent = 100 * value
    text = f"{percent:.2f}" if percent < 1 or percent > 99 else f"{percent:.1f}"
    return _typeset(text.rstrip("0").rstrip(".") + " %")


def duration(seconds: float) -> str:
    """A time somebody waited.

    >>> duration(0.004), duration(2.449), duration(75), duration(7320)
    ('4 ms', '2.4 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{count(whole // 3600)} h {whole % 3600 // 60} min"


def size(num_bytes: int) -> str:
    """Bytes in the unit that suits them.

    >>> size(900), size(1_234_567)
    ('900 B', '1.2 MB')
    """
    number = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def moment(time_us: float) -> str:
    """A moment (UTC epoch microseconds), without parts that are nought.

    >>> moment(1_356_998_400_000_000), moment(1_357_016_461_000_000)
    ('2013-01-01', '2013-01-01 05:01:01')
    """
    try:
        when = _EPOCH + timedelta(microseconds=round(time_us))
    except OverflowError:
        return figure(time_us)
    day, _, clock = when.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0").partition(" ")
    return day if clock == "00:00:00" else f"{day} {clock.removesuffix(':00')}"
