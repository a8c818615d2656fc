"""Value: one metric on one slice, with what it may be off by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.rules._interval import interval_of_mean, interval_of_share

__all__ = ["Value"]


@dataclass(frozen=True)
class Value:
    """One metric on one slice.

    Parameters
    ----------
    value : float
        NaN where it is not defined.
    num_rows : int
        Rows with a label.
    lower, upper : float or None
        The ends of its 95 % interval; None where there is none: one row, a value of NaN.
    reason : str
        Why it is NaN; "" where it is not.
    std_error : float or None
        Its standard error.
    effective_rows : float or None
        Of a value between two ends: how many rows of one weight would be as sure.
    limits : (float, float) or None
        Those ends.
    with_champion, with_baseline : float or None
        The covariance with the champion's (baseline's) value on the same rows.
    freedom : float or None
        How many rows the standard error itself rests on, less one: few where few rows move the metric much. None = all.
    champion_freedom, baseline_freedom : float or None
        The same of the difference from the champion (baseline).
    """

    value: float
    num_rows: int
    lower: float | None = None
    upper: float | None = None
    reason: str = ""
    std_error: float | None = None
    effective_rows: float | None = None
    limits: tuple[float, float] | None = None
    with_champion: float | None = None
    with_baseline: float | None = None
    freedom: float | None = None
    champion_freedom: float | None = None
    baseline_freedom: float | None = None

    @classmethod
    def measured(
        cls,
        value: float,
        num_rows: int,
        *,
        std_error: float,
        support: float,
        limits: tuple[float, float],
        with_champion: float | None,
        with_baseline: float | None,
        centre: float | None = None,
        freedom: float | None = None,
        champion_freedom: float | None = None,
        baseline_freedom: float | None = None,
    ) -> Value:
        """A value with its interval; without one where its standard error is not known.

        `support` is the number of rows that a value between two ends is a share of: what it is worth where no row
        contradicts it, and the standard error is 0. `centre` is the value at which the standard error was found, where
        that is another one.
        """
        if not (math.isfinite(value) and math.isfinite(std_error)):
            return cls(value, num_rows)
        is_share = math.isfinite(limits[0]) and math.isfinite(limits[1])
        rows = None
        if is_share:
            share = ((value if centre is None else centre) - limits[0]) / (limits[1] - limits[0])
            spread = std_error / (limits[1] - limits[0])
            rows = share * (1.0 - share) / spread**2 if spread > 0.0 and 0.0 < share < 1.0 else support
            if not (math.isfinite(rows) and rows > 0.0):
                return cls(value, num_rows)
            lower, upper = interval_of_share(value, rows, limits, freedom=math.inf if freedom is None else freedom)
        else:
            lower, upper = interval_of_mean(value, std_error, num_rows if freedom is None else freedom + 1.0, limits)
        return cls(
            value,
            num_rows,
            lower,
            upper,
            std_error=std_error,
            effective_rows=rows,
            limits=limits if is_share else None,
            with_champion=with_champion,
            with_baseline=with_baseline,
            freedom=freedom,
            champion_freedom=champion_freedom,
            baseline_freedom=baseline_freedom,
        )
