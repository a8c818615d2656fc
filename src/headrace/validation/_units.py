"""Units that people mix up, and what numbers look like when they do."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["UNITS", "known_factors"]

# factor -> what it usually means; the inverse is tried too. One line a pair that people do mix up.
UNITS = {
    1.609344: ("kilometres", "miles"),
    1.852: ("kilometres", "nautical miles"),
    1.150779: ("miles", "nautical miles"),
    3.6: ("kilometres an hour", "metres a second"),
    2.236936: ("miles an hour", "metres a second"),
    1.943844: ("knots", "metres a second"),
    3.28084: ("feet", "metres"),
    2.54: ("centimetres", "inches"),
    25.4: ("millimetres", "inches"),
    2.204623: ("pounds", "kilograms"),
    3.785412: ("litres", "gallons"),
    4.184: ("joules", "calories"),
    33.8639: ("hectopascals", "inches of mercury"),
    24.0: ("hours", "days"),
    60.0: ("minutes", "hours or seconds for minutes"),
    3600.0: ("seconds", "hours"),
    10.0: ("tenths", "whole units"),
    100.0: ("hundredths (cents, per cent)", "whole units"),
    1000.0: ("thousandths (milli-)", "whole units"),
    1e6: ("millionths (micro-)", "whole units"),
    1e9: ("billionths (nano-)", "whole units"),
}


def known_factors() -> Iterator[tuple[float, float, str]]:
    """(factor, constant, guess in words) of each map that people know: the factors, their inverses, the turned sign and
    the two scales of temperature.
    """
    for factor, (now, was) in UNITS.items():
        yield factor, 0.0, f"{now} instead of {was}?"
        yield 1 / factor, 0.0, f"{was} instead of {now}?"
    yield -1.0, 0.0, "the sign turned?"
    yield 5 / 9, -160 / 9, "Celsius instead of Fahrenheit?"
    yield 1.8, 32.0, "Fahrenheit instead of Celsius?"
