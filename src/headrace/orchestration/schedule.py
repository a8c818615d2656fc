"""Schedules: when a pipeline is looked at, written as cron writes it, in a time zone of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from headrace.errors import InvalidInput

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Ticks of a clock: `Schedule("0 6 * * *", "Europe/Zurich")` ticks each day at six in Zurich.

    A tick is when `headrace up` looks whether anything has changed. Where the clock is put forward, a tick that falls
    into the hour that does not exist comes at its end; where it is put back, a tick of the repeated hour comes once.

    Parameters
    ----------
    expression : str
        Minute, hour, day of the month, month, day of the week, as cron has them: `*`, `*/15`, `1-5`, `MON`, `L`.
    time_zone : str
        Of the IANA data base: "Europe/Zurich", "UTC".

    Raises InvalidInput for an expression or a time zone that does not exist.

    >>> schedule = Schedule("0 6 * * *", "Europe/Zurich")
    >>> moment_us = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()) * 1_000_000
    >>> datetime.fromtimestamp(schedule.next_us(moment_us) / 1e6, UTC).isoformat()
    '2026-03-29T04:00:00+00:00'

    Source: crontab(5); clock changes as Debian's cron treats them.
    """

    expression: str
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if len(self.expression.split()) != 5:
            raise InvalidInput(
                f"schedule {self.expression!r} has {len(self.expression.split())} fields",
                expected="five, as cron has them: minute, hour, day of the month, month, day of the week",
                fix='each day at six: schedule="0 6 * * *"',
            )
        self.next_us(0)

    def next_us(self, after_us: int) -> int:
        """The first tick after a moment; both in UTC epoch microseconds."""
        return self._tick(self._moment(after_us), is_reverse=False)

    def last_us(self, now_us: int) -> int:
        """The newest tick that is not after a moment; both in UTC epoch microseconds."""
        # cronsim's reverse is exclusive, and in whole seconds.
        return self._tick(self._moment(now_us) + timedelta(seconds=1), is_reverse=True)

    def _tick(self, moment: datetime, *, is_reverse: bool) -> int:
        from cronsim import CronSim, CronSimError

        try:
            tick = next(CronSim(self.expression, moment, reverse=is_reverse))
        except CronSimError as error:
            raise InvalidInput(
                f"schedule {self.expression!r}: {str(error).lower()}",
                expected="minute, hour, day of the month, month, day of the week, as cron has them",
            ) from None
        except StopIteration:
            raise InvalidInput(f"schedule {self.expression!r} has no tick within 50 years") from None
        return round(tick.timestamp()) * 1_000_000

    def _moment(self, time_us: int) -> datetime:
        return datetime.fromtimestamp(time_us // 1_000_000, UTC).astimezone(self._zone())

    def _zone(self) -> tzinfo:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(self.time_zone)
        except (OSError, ValueError, LookupError):
            raise InvalidInput(
                f"no time zone named {self.time_zone!r}",
                expected='a name of the IANA data base: "Europe/Zurich", "UTC"',
            ) from None
