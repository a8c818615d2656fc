"""What `.str`, `.dt` and `.list` of an expression offer: ops by the names that people look for there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NoReturn, TypeVar

from headrace.calls import user_line
from headrace.errors import UnknownName

__all__ = ["Items", "Moment", "Text"]

E = TypeVar("E")
_PARTS = ("year", "quarter", "month", "day", "day_of_week", "day_of_year", "hour", "minute", "second")
Record = Callable[[str, E, Mapping[str, Any]], E]


class Text(Generic[E]):
    """`x.title.str`: ops on the characters of a text, each as `ops.<name>` has it.

    Parameters
    ----------
    of : expression
        The text.
    record : callable
        (op's name, expression, parameters) to the expression that was recorded.
    """

    __slots__ = ("_of", "_record")

    def __init__(self, of: E, record: Record[E]) -> None:
        self._of, self._record = of, record

    @staticmethod
    def names() -> list[str]:
        """What can be written after `.str.`."""
        return sorted(name for name in vars(Text) if not name.startswith("_") and name != "names")

    def lower(self) -> E:
        """In lower case."""
        return self._record("lower", self._of, {})

    def upper(self) -> E:
        """In upper case."""
        return self._record("upper", self._of, {})

    def strip(self) -> E:
        """Without white space around it."""
        return self._record("strip", self._of, {})

    def replace(self, pattern: str, replacement: str) -> E:
        """Every match of a regular expression, replaced."""
        return self._record("replace", self._of, {"pattern": pattern, "replacement": replacement})

    def split(self, separator: str, index: int) -> E:
        """One piece of the text."""
        return self._record("split", self._of, {"separator": separator, "index": index})

    def slice(self, start: int | None = None, stop: int | None = None) -> E:
        """The characters from start up to stop."""
        return self._record("substring", self._of, {"start": start, "stop": stop})

    def parse_date(self, form: str) -> E:
        """The moment it says, written as `form`."""
        return self._record("parse_date", self._of, {"form": form})

    def length(self) -> E:
        """How many characters."""
        return self._record("string_length", self._of, {})

    def matches(self, pattern: str) -> E:
        """Whether the whole text matches a regular expression."""
        return self._record("matches", self._of, {"pattern": pattern})

    def contains(self, pattern: str) -> E:
        """Whether a regular expression matches anywhere in the text."""
        return self._record("matches", self._of, {"pattern": f"(?s:.*)(?:{pattern})(?s:.*)"})

    def ngrams(self, least: int, most: int) -> E:
        """Every run of so many characters, joined by U+001F."""
        return self._record("character_ngrams", self._of, {"least": least, "most": most})

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnknownName("method of .str", name, Text.names(), where=user_line())


class Moment(Generic[E]):
    """`x.time_hour.dt`: the parts of a moment, each as `ops.date_part` has it.

    `x.time_hour.dt.hour` is in UTC, `x.time_hour.dt.at("Europe/Paris").hour` what a clock on a wall there says.

    Parameters
    ----------
    of : expression
        The moment.
    record : callable
        (op's name, expression, parameters) to the expression that was recorded.
    zone : str
        Named as in the IANA database.
    """

    __slots__ = ("_of", "_record", "_zone")

    def __init__(self, of: E, record: Record[E], zone: str = "UTC") -> None:
        self._of, self._record, self._zone = of, record, zone

    @staticmethod
    def names() -> list[str]:
        """What can be written after `.dt.`."""
        return [*_PARTS, "at"]

    def at(self, zone: str) -> Moment[E]:
        """The same moments by the clocks of a time zone."""
        return Moment(self._of, self._record, zone)

    def __getattr__(self, name: str) -> E:
        """One part: year, quarter, month, day, day_of_week, day_of_year, hour, minute or second."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._record("date_part", self._of, {"part": name, "zone": self._zone})


class Items(Generic[E]):
    """`x.tags.list`: ops on the values of a list, each as `ops.list_<name>` has it.

    Parameters
    ----------
    of : expression
        A raw column of lists.
    record : callable
        (op's name, expression, parameters) to the expression that was recorded.
    """

    __slots__ = ("_of", "_record")

    def __init__(self, of: E, record: Record[E]) -> None:
        self._of, self._record = of, record

    @staticmethod
    def names() -> list[str]:
        """What can be written after `.list.`."""
        return sorted(name for name in vars(Items) if not name.startswith("_") and name != "names")

    def length(self) -> E:
        """How many values."""
        return self._record("list_length", self._of, {})

    def sum(self) -> E:
        """The sum of the values."""
        return self._record("list_sum", self._of, {})

    def mean(self) -> E:
        """The mean of the values."""
        return self._record("list_mean", self._of, {})

    def min(self) -> E:
        """The smallest value."""
        return self._record("list_min", self._of, {})

    def max(self) -> E:
        """The largest value."""
        return self._record("list_max", self._of, {})

    def first(self) -> E:
        """The first value."""
        return self.get(0)

    def get(self, index: int) -> E:
        """One value; a negative index counts from the end."""
        return self._record("list_get", self._of, {"index": index})

    def contains(self, value: str | float | bool) -> E:
        """Whether one of them is this."""
        return self._record("list_contains", self._of, {"value": value})

    def join(self, separator: str) -> E:
        """Texts as one text."""
        return self._record("list_join", self._of, {"separator": separator})

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnknownName("method of .list", name, Items.names(), where=user_line())
