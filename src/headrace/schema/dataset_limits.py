"""What a data set as a whole must be like, and the free checks of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from headrace.errors import InvalidInput, UnknownName
from headrace.schema._feature import SEVERITIES
from headrace.schema.checking import check_code, check_count, check_text, check_texts, limit_of, share_of
from headrace.schema.expressions import Condition, parse_condition

__all__ = ["DatasetLimits", "FreeCheck"]


@dataclass(frozen=True)
class DatasetLimits:
    """What must hold of the rows together; None and empty ask for nothing.

    Parameters
    ----------
    min_rows, max_rows : int or None
        Rows of the data set, both ends included.
    min_ratio, max_ratio : float or None
        Rows of each new span by the mean of the spans of the previous data set, both ends included.
    max_span_gap : int or None
        How many spans may be missing between two neighbours; 0 = none. Spans are then numbers, years, months, days or
        hours: 7, 2013, 2013-01, 2013-01-31, 2013-01-31T05.
    unique : tuple of tuple of str
        Columns whose values together may come once only: `[["carrier", "flight", "time_hour"]]`.
    has_column_order : bool
        Whether columns must come in the schema's order.
    must_advance : bool
        Whether the newest moment of the new spans (role time) must be after the previous data set's newest.

    Raises InvalidInput for ends upside down and values that cannot be.

    >>> DatasetLimits(min_rows=1000, unique=(("carrier", "flight"),)).to_plain()
    {'min_rows': 1000, 'unique': [['carrier', 'flight']]}
    """

    min_rows: int | None = None
    max_rows: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    max_span_gap: int | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    has_column_order: bool = False
    must_advance: bool = False

    def __post_init__(self) -> None:
        where = "dataset"
        for what in ("min_rows", "max_rows", "max_span_gap"):
            check_count(getattr(self, what), what, where)
        for what in ("min_ratio", "max_ratio"):
            if getattr(self, what) is not None:
                ratio = limit_of(getattr(self, what), "number", what, where)
                if ratio < 0:
                    raise InvalidInput(f"{what} = {ratio}", where=where, expected="0 or more")
                object.__setattr__(self, what, ratio)
        for what in ("rows", "ratio"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if low is not None and high is not None and low > high:
                raise InvalidInput(f"min_{what} {low} is above max_{what} {high}", where=where)
        for what in ("has_column_order", "must_advance"):
            if not isinstance(getattr(self, what), bool):
                raise InvalidInput(f"{what} = {getattr(self, what)!r}", where=where, expected="true or false")
        unique = tuple(check_texts(columns, "unique", where) for columns in self.unique)
        if any(not columns for columns in unique) or len(set(unique)) != len(unique):
            raise InvalidInput("unique has an empty list, or one twice", where=where, expected="lists of columns")
        object.__setattr__(self, "unique", unique)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out."""
        found = {
            item.name: getattr(self, item.name) for item in fields(self) if getattr(self, item.name) != item.default
        }
        return {name: [list(one) for one in value] if name == "unique" else value for name, value in found.items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` gave. Raises UnknownName for an unknown key."""
        return cls(**_known(cls, plain, "dataset"))


@dataclass(frozen=True)
class FreeCheck:
    """A condition that every row must meet, in SQL's words (`headrace.schema.expressions`).

    Parameters
    ----------
    name : str
        What the finding is called by: `expression:NAME`.
    expression : str
        The condition; a row for which it is unknown, as null makes it, is right.
    severity : "error", "warning" or "info"
        How grave it is.
    max_share : float
        The share of rows (0..1) that may be at fault.

    Raises InvalidInput that points into an expression that cannot be read.

    >>> FreeCheck("arrives_later", "arr_time > dep_time").condition.columns
    ('arr_time', 'dep_time')
    """

    name: str
    expression: str
    severity: str = "error"
    max_share: float = 0.0

    def __post_init__(self) -> None:
        check_code(self.name, "name", "checks")
        where = f"check {self.name!r}"
        check_text(self.expression, "expression", where)
        if self.severity not in SEVERITIES:
            raise UnknownName("severity", str(self.severity), SEVERITIES, where=where)
        object.__setattr__(self, "max_share", share_of(self.max_share, "max_share", where))
        condition = self.condition
        if not condition.columns:
            raise InvalidInput(f"expression {self.expression!r} names no column", where=where)

    @property
    def condition(self) -> Condition:
        """The expression, read."""
        return parse_condition(self.expression)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, defaults left out."""
        plain: dict[str, Any] = {"name": self.name, "expression": self.expression}
        if self.severity != "error":
            plain["severity"] = self.severity
        if self.max_share:
            plain["max_share"] = self.max_share
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` gave. Raises UnknownName for an unknown key, InvalidInput without name or expression."""
        for key in ("name", "expression"):
            if key not in plain:
                raise InvalidInput(f"a check without {key}", where="checks")
        return cls(**_known(cls, plain, "checks"))


def _known(cls: type, plain: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = [item.name for item in fields(cls)]
    for key in plain:
        if key not in known:
            raise UnknownName("key", key, known, where=where)
    return dict(plain)
