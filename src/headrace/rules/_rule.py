"""Rule: one line of what must hold, as a record; `str` gives the text back."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from headrace.errors import InvalidInput

__all__ = ["ADJUSTMENTS", "AMONG_SLICES", "BARE", "NAME", "OPERATORS", "REFERENCES", "Rule", "quote"]

Operator = Literal[">=", ">", "<=", "<"]
Reference = Literal["number", "champion", "baseline", "overall", "highest", "lowest"]
Adjustment = Literal["", "+", "-", "*"]
Scope = Literal["overall", "every", "worst", "slice"]

OPERATORS: tuple[str, ...] = get_args(Operator)
REFERENCES: tuple[str, ...] = get_args(Reference)
AMONG_SLICES = ("overall", "highest", "lowest")  # references that hold slices of one model to each other
ADJUSTMENTS: tuple[str, ...] = get_args(Adjustment)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A column or a value that needs no quotes in a rule.
BARE = re.compile(r'[^\s,="]+')


def quote(text: str | None) -> str:
    """A column or value as a rule writes it: bare where that is unambiguous, else as a JSON string; null bare.

    >>> quote("AA"), quote("New York"), quote("null"), quote(None)
    ('AA', '"New York"', '"null"', 'null')
    """
    if text is None:
        return "null"
    return text if BARE.fullmatch(text) and text != "null" else json.dumps(text)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0" else repr(value)


@dataclass(frozen=True)
class Rule:
    """What must hold of one metric.

    `<metric> <op> <number | champion | baseline | overall | highest | lowest> [+-* number]
    [on overall | every C | worst C | C=v] [with N rows] [by value]`; made by `parse_rule`, written by `str`.

    Parameters
    ----------
    metric : str
        The metric's name in the evaluation.
    op : ">=", ">", "<=" or "<"
        How the measured value must stand to what is allowed.
    reference : "number", "champion", "baseline", "overall", "highest" or "lowest"
        What it is compared with: a number; the served model on the same rows; the best constant prediction; the same
        model on all rows, or on the slice of the same columns where the metric is highest or lowest.
    number : float
        The number, where that is the reference; else 0.
    adjustment, amount : "", "+", "-" or "*", and float
        What is done to the reference first.
    scope : "overall", "every", "worst" or "slice"
        All rows; each slice by `columns`; the worst of them; the slice where `columns` have `values`.
    columns : tuple of str
        One column, or the columns of a cross.
    values : tuple of str or None
        The value of each column as text; None is null.
    min_rows : int
        A slice with fewer rows is reported, not judged.
    by_value : bool
        Judge the value itself, also where an interval is known.
    """

    metric: str
    op: Operator
    reference: Reference = "number"
    number: float = 0.0
    adjustment: Adjustment = ""
    amount: float = 0.0
    scope: Scope = "overall"
    columns: tuple[str, ...] = ()
    values: tuple[str | None, ...] = ()
    min_rows: int = 0
    by_value: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (
            ("op", OPERATORS),
            ("reference", REFERENCES),
            ("adjustment", ADJUSTMENTS),
            ("scope", get_args(Scope)),
        ):
            if getattr(self, name) not in allowed:
                raise InvalidInput(f"{name} = {getattr(self, name)!r}", where="rule", expected=", ".join(allowed))
        object.__setattr__(self, "number", float(self.number))
        object.__setattr__(self, "amount", float(self.amount))
        if not NAME.fullmatch(self.metric):
            raise InvalidInput(f"{self.metric!r} is no name of a metric", where="rule")
        if not (math.isfinite(self.number) and math.isfinite(self.amount)):
            raise InvalidInput("a number of a rule is not finite", where="rule")
        if bool(self.columns) == (self.scope == "overall") or "" in self.columns:
            raise InvalidInput(f"columns {self.columns} on {self.scope}", where="rule")
        if len(self.values) != (len(self.columns) if self.scope == "slice" else 0):
            raise InvalidInput(f"{len(self.values)} values for {len(self.columns)} columns", where="rule")
        if (self.number and self.reference != "number") or (self.amount and not self.adjustment):
            raise InvalidInput("a number of a rule has no place in its text", where="rule")
        if len(set(self.columns)) != len(self.columns):
            raise InvalidInput("a column is named twice", where="rule")
        if self.reference in AMONG_SLICES and self.scope == "overall":
            raise InvalidInput(
                f"{self.reference!r} compares slices, and the rule is of all rows",
                where="rule",
                expected="slices, as in 'positive_rate >= highest * 0.8 on every sex'",
            )
        if self.min_rows < 0:
            raise InvalidInput(f"min_rows = {self.min_rows}", where="rule", expected="at least 0")

    @property
    def is_absolute(self) -> bool:
        """Whether it can be judged without a champion."""
        return self.reference != "champion"

    def __str__(self) -> str:
        parts = [self.metric, self.op, _number(self.number) if self.reference == "number" else self.reference]
        if self.adjustment:
            parts += [self.adjustment, _number(self.amount)]
        if self.scope == "slice":
            pairs = zip(self.columns, self.values, strict=True)
            parts += ["on", ",".join(f"{quote(column)}={quote(value)}" for column, value in pairs)]
        elif self.scope != "overall":
            parts += ["on", self.scope, ",".join(map(quote, self.columns))]
        if self.min_rows:
            parts += ["with", str(self.min_rows), "rows"]
        if self.by_value:
            parts.append("by value")
        return " ".join(parts)
