"""ops.parse_date: the moment that a text says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.model.prelude import check_step
from headrace.schema import Kind
from headrace.transformation._contract import PreludeOp

__all__ = ["ParseDate"]


@dataclass(frozen=True)
class ParseDate(PreludeOp):
    """`ops.parse_date(x.day, form="%d.%m.%Y")`, or `x.day.str.parse_date("%d.%m.%Y")`: a timestamp.

    What follows are `.dt`, `ops.days_between` and the like: `x.day.str.parse_date("%Y%m%d").dt.month`.

    Parameters
    ----------
    form : str
        As Python's strptime has it, of these: %Y %y year, %m month, %d day, %j day of the year, %H %M %S time, %f
        fraction of a second (up to six digits), %z zone ("+0200", "Z"), %% a per cent sign. Names of days and months
        are not among them: they follow the machine's language. Without %z it is UTC.

    Nulls: null stays null; a text of another form gives null, and so does a day that there is not. What was no date is
    a feature of its own: `x.day.str.parse_date("%Y%m%d").is_null()`.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters, for a
    form with another letter or without a year. Cost: the codec does it, about 10 us a distinct text.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.parse_date(x.day, form="%Y%m%d")}).text(1)
    "parse_date(x.day, form='%Y%m%d')"

    Source: Python's datetime.strptime.
    """

    form: str

    result_kind: ClassVar[Kind] = "timestamp"
    makes_null: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_step(self.step())

    def step(self) -> tuple[str | int | float | None, ...]:
        """parse_date."""
        return "parse_date", self.form
